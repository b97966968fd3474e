/**
 * The message catalogue. Every text on screen is a member of one of these groups: a string, or a function of what varies,
 * so that the compiler checks arguments and a second language is a second set of the same types.
 */
export * from './en/api';
export * from './en/common';
export * from './en/containers';
export * from './en/hosts';
export * from './en/jobs';
export * from './en/objects';
export * from './en/pages';
export * from './en/run';
export * from './en/shell';
export * from './en/state';
