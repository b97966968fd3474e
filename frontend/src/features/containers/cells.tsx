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

/** Where a published port can be opened: on the host's own name if it listens on every address, else nowhere from here. */
function portAddress(container: Container, port: PublishedPort): string | null {
  if (port.type !== 'tcp' || port.public === null || container.stale) return null;
  const everywhere = port.ip === null || port.ip === '' || port.ip === '0.0.0.0' || port.ip === '::';
  if (!everywhere) return null;
  const scheme = port.private === 443 || port.private === 8443 ? 'https' : 'http';
  return `${scheme}://${window.location.hostname}:${port.public}/`;
}

function PortText({ port }: { port: PublishedPort }) {
  return (
    <>
      {port.public}
      {port.public !== port.private && <span className={classes.to}>:{port.private}</span>}
      {port.type !== 'tcp' && <span className={classes.to}>/{port.type}</span>}
    </>
  );
}

export function Ports({ container, shown = 1 }: { container: Container; shown?: number }) {
  const ports = publishedPorts(container);
  if (ports.length === 0) return <span className="muted">{common.none}</span>;
  return (
    <span className={classes.ports}>
      {ports.slice(0, shown).map((port) => {
        const address = portAddress(container, port);
        return address === null ? (
          <span key={`${port.public ?? ''}/${port.type}`} className={classes.portText}>
            <PortText port={port} />
          </span>
        ) : (
          <a key={`${port.public ?? ''}/${port.type}`} className={classes.port} href={address} target="_blank" rel="noreferrer noopener" title={words.openPort(port.public ?? 0)}>
            <PortText port={port} />
          </a>
        );
      })}
      {ports.length > shown && (
        <Tooltip label={ports.map((port) => `${port.public ?? ''}:${port.private}/${port.type}`).join(', ')}>
          <span className={classes.more}>+{ports.length - shown}</span>
        </Tooltip>
      )}
    </span>
  );
}

/** The compose project or stack a container belongs to. */
export function projectOf(container: Container): string {
  return container.labels['com.docker.compose.project'] ?? container.labels['com.docker.stack.namespace'] ?? '';
}
