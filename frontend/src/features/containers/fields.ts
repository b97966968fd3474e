/** What the filter language can ask of a container. */
import type { Container } from '@/lib/api/types';
import { secondsSince } from '@/lib/format';
import type { Fields } from '@/lib/filter';
import { projectOf, publishedPorts } from './cells';

export const containerFields: Fields<Container> = {
  name: { kind: 'text', get: (row) => row.name },
  image: { kind: 'text', get: (row) => row.image },
  host: { kind: 'text', get: (row) => row.host.name },
  state: { kind: 'text', get: (row) => (row.stale ? 'unknown' : row.state) },
  health: { kind: 'text', get: (row) => row.health ?? 'none' },
  label: { kind: 'text', get: (row) => Object.entries(row.labels).flatMap(([key, value]) => [`${key}=${value}`, key]) },
  project: { kind: 'text', get: projectOf },
  network: { kind: 'text', get: (row) => row.networks },
  port: { kind: 'text', get: (row) => publishedPorts(row).map((port) => String(port.public)) },
  id: { kind: 'text', get: (row) => row.id },
  command: { kind: 'text', get: (row) => row.command },
  restart: { kind: 'text', get: (row) => row.restart_policy || 'no' },
  restarts: { kind: 'number', get: (row) => row.restart_count },
  exit: { kind: 'number', get: (row) => row.exit_code },
  created: { kind: 'age', get: (row, now) => secondsSince(row.created_at, now) },
  up: { kind: 'age', get: (row, now) => (row.state === 'running' ? secondsSince(row.started_at, now) : null) },
};
