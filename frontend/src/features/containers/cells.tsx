/** Small pieces of a container's row, used by the table, the phone list and the page's head. */
import { Tooltip } from '@mantine/core';
import type { Container, PublishedPort } from '@/lib/api/types';
import { splitImage } from '@/lib/format';
import { common, containers as words } from '@/messages';
import classes from './cells.module.css';

/** The repository shrinks, the tag stays. */
export function ImageName({ image }: { image: string }) {
  const { repository, tag } = splitImage(image.startsWith('sha256:') ? image.slice(0, 19) : image);
  return (
    <span className={classes.image} title={image}>
      <span className={classes.repository}>{repository}</span>
      <span className={classes.tag}>{tag}</span>
    </span>
  );
}

/** Published ports, without the doubles that IPv6 makes, smallest first. */
export function publishedPorts(container: Container): PublishedPort[] {
  const seen = new Set<string>();
  return container.ports
    .filter((port) => {
      const key = `${port.public ?? ''}:${port.private}/${port.type}`;
      if (port.public === null || seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .sort((a, b) => (a.public ?? 0) - (b.public ?? 0));
}

interface PortRange {
  first: PublishedPort;
  last: PublishedPort;
}

/** Neighbours that lead to neighbours are one range: twelve ports in a row say no more than their first and last. */
export function portRanges(ports: readonly PublishedPort[]): PortRange[] {
  const ranges: PortRange[] = [];
  for (const port of ports) {
    const open = ranges[ranges.length - 1];
    const follows = open && port.type === open.last.type && port.ip === open.last.ip && port.public === (open.last.public ?? 0) + 1 && port.private === open.last.private + 1;
    if (follows) open.last = port;
    else ranges.push({ first: port, last: port });
  }
  return ranges;
}

/** Where a published port can be opened: on the host's own name if it listens on every address, else nowhere from here. */
function portAddress(container: Container, port: PublishedPort): string | null {
  if (port.type !== 'tcp' || port.public === null || container.stale) return null;
  const everywhere = port.ip === null || port.ip === '' || port.ip === '0.0.0.0' || port.ip === '::';
  if (!everywhere) return null;
  const scheme = port.private === 443 || port.private === 8443 ? 'https' : 'http';
  return `${scheme}://${window.location.hostname}:${port.public}/`;
}

function PortText({ range: { first, last } }: { range: PortRange }) {
  const upTo = (from: number | null, to: number | null) => `${from ?? ''}${from === to ? '' : `–${to ?? ''}`}`;
  return (
    <>
      {upTo(first.public, last.public)}
      {first.public !== first.private && <span className={classes.to}>:{upTo(first.private, last.private)}</span>}
      {first.type !== 'tcp' && <span className={classes.to}>/{first.type}</span>}
    </>
  );
}

export function Ports({ container, shown = 1 }: { container: Container; shown?: number }) {
  const ports = publishedPorts(container);
  const ranges = portRanges(ports);
  if (ports.length === 0) return <span className="muted">{common.none}</span>;
  return (
    <span className={classes.ports}>
      {ranges.slice(0, shown).map((range) => {
        const { first } = range;
        const address = portAddress(container, first);
        const key = `${first.public ?? ''}/${first.type}`;
        return address === null ? (
          <span key={key} className={classes.portText}>
            <PortText range={range} />
          </span>
        ) : (
          <a key={key} className={classes.port} href={address} target="_blank" rel="noreferrer noopener" title={words.openPort(first.public ?? 0)}>
            <PortText range={range} />
          </a>
        );
      })}
      {ranges.length > shown && (
        <Tooltip label={ports.map((port) => `${port.public ?? ''}:${port.private}/${port.type}`).join(', ')}>
          <span className={classes.more}>+{ranges.slice(shown).reduce((sum, { first, last }) => sum + (last.public ?? 0) - (first.public ?? 0) + 1, 0)}</span>
        </Tooltip>
      )}
    </span>
  );
}

/** The compose project or stack a container belongs to. */
export function projectOf(container: Container): string {
  return container.labels['com.docker.compose.project'] ?? container.labels['com.docker.stack.namespace'] ?? '';
}
