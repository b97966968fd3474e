/**
 * A page's code could not be fetched: the server is away, or a new version has replaced the file. A type of our own, for
 * the router answers the browser's own error with a reload of the whole page, which without a server ends in a white one.
 */
export class PartMissing extends Error {
  constructor(cause: unknown) {
    super('a part of the dashboard could not be loaded', { cause });
    this.name = 'PartMissing';
  }
}
