/** What the container is and how it does: the problem first, then live charts, then its configuration. */
import { useState } from 'react';
import { Eye, EyeOff } from 'lucide-react';
import { Button } from '@mantine/core';
import { Charts } from '@/features/stats/Charts';
import { useAct } from '@/features/containers/actions';
import { publishedPorts } from '@/features/containers/cells';
import type { ContainerDetail, DockerInspect } from '@/lib/api/types';
import { formatBytes, formatDuration, formatTime, secondsSince } from '@/lib/format';
import { useNow } from '@/lib/now';
import { common, container as words } from '@/messages';
import { Card } from '@/ui/Card';
import card from '@/ui/Card.module.css';
import { Glyph } from '@/ui/Glyph';
import toolbar from '@/ui/Toolbar.module.css';
import { ContainerBanner } from './ContainerBanner';
import classes from './OverviewTab.module.css';
import { LimitsDialog } from './LimitsDialog';
import { useContainer } from './useContainer';

const SECRET = /pass|secret|token|key|credential|auth|private/i;

/** Hides the password inside an address too: scheme://user:••••@host. */
export function maskValue(name: string, value: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/@\s]*:[^/@\s]+@/i.test(value)) return value.replace(/(:\/\/[^/@\s]*:)[^/@\s]+(@)/, '$1••••$2');
  return SECRET.test(name) && value !== '' ? words.masked : value;
}

export function OverviewTab() {
  const container = useContainer();
  const now = useNow();
  const inspect = container.inspect;
  const act = useAct();
  const [changing, setChanging] = useState(false);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard
    <div className={card.scroll} tabIndex={0} role="region" aria-label={words.tabs.overview}>
      <ContainerBanner container={container} now={now} onLimits={() => setChanging(true)} />
      <Charts container={container} />
      <div className={card.columns}>
        <div className={card.stack}>
          <Configuration container={container} now={now} />
          {inspect && <Limits inspect={inspect} stale={container.stale} onChange={() => setChanging(true)} />}
        </div>
        <div className={card.stack}>
          <Networks container={container} />
          <PortList container={container} />
          <Mounts container={container} />
        </div>
        <div className={card.stack}>
          {inspect && <Environment env={inspect.Config?.Env ?? []} />}
          {inspect && <Health inspect={inspect} now={now} />}
        </div>
      </div>
      {changing && <LimitsDialog container={container} act={act} onClose={() => setChanging(false)} />}
    </div>
  );
}

/** "on-failure:5" as Docker's flag has it. */
function restartText(container: ContainerDetail): string {
  const most = container.inspect?.HostConfig?.RestartPolicy?.MaximumRetryCount ?? 0;
  return `${container.restart_policy || 'no'}${most > 0 ? `:${most}` : ''}`;
}

const argv = (words_: readonly string[] | null | undefined): string => (words_ ?? []).map((word) => (/[\s"'$]/.test(word) ? JSON.stringify(word) : word)).join(' ');

function Configuration({ container, now }: { container: ContainerDetail; now: number }) {
  const config = container.inspect?.Config;
  const host = container.inspect?.HostConfig;
  const labels = Object.entries(container.labels);
  const f = words.field;
  const rows: [string, React.ReactNode, string][] = [
    [f.image, <code key="i">{container.image}</code>, container.image],
    [f.digest, <code key="d">{container.image_id.slice(0, 26)}…</code>, container.image_id],
    [f.command, <code key="c">{argv(config?.Cmd) || (config ? common.none : container.command)}</code>, argv(config?.Cmd)],
    ...(config?.Entrypoint?.length ? [[f.entrypoint, <code key="e">{argv(config.Entrypoint)}</code>, argv(config.Entrypoint)] as [string, React.ReactNode, string]] : []),
    ...(config ? [[f.user, config.User || f.root, config.User ?? ''] as [string, React.ReactNode, string]] : []),
    ...(config?.WorkingDir ? [[f.workdir, <code key="w">{config.WorkingDir}</code>, config.WorkingDir] as [string, React.ReactNode, string]] : []),
    ...(config?.Hostname ? [[f.hostname, <code key="h">{config.Hostname}</code>, config.Hostname] as [string, React.ReactNode, string]] : []),
    [f.restart, [restartText(container), container.restart_count > 0 ? words.restarts(container.restart_count).toLowerCase() : ''].filter(Boolean).join(', '), ''],
    ...(host?.Privileged ? [[f.privileged, <span key="p" className="warn">{f.yes}</span>, ''] as [string, React.ReactNode, string]] : []),
    ...(host?.AutoRemove ? [[f.autoRemove, f.yes, ''] as [string, React.ReactNode, string]] : []),
    [f.created, container.created_at ? formatTime(container.created_at, now) : common.none, container.created_at ?? ''],
    ...(container.started_at ? [[f.started, formatTime(container.started_at, now), container.started_at] as [string, React.ReactNode, string]] : []),
    ...(container.finished_at && secondsSince(container.finished_at, now) !== null ? [[f.finished, formatTime(container.finished_at, now), container.finished_at] as [string, React.ReactNode, string]] : []),
  ];
  return (
    <Card title={words.card.configuration}>
      <dl className={card.properties}>
        {rows.map(([label, value, title]) => (
          <Property key={label} label={label} value={value} title={title} />
        ))}
        {labels.length > 0 && (
          <>
            <dt>{f.labels}</dt>
            <dd className={classes.labels}>
              {labels.map(([key, value]) => (
                <span key={key} className={toolbar.label} title={`${key}=${value}`}>
                  {key}={value}
                </span>
              ))}
            </dd>
          </>
        )}
      </dl>
    </Card>
  );
}

function Property({ label, value, title }: { label: string; value: React.ReactNode; title: string }) {
  return (
    <>
      <dt>{label}</dt>
      <dd title={title || undefined}>{value}</dd>
    </>
  );
}

function Limits({ inspect, stale, onChange }: { inspect: DockerInspect; stale: boolean; onChange: () => void }) {
  const host = inspect.HostConfig ?? {};
  const f = words.field;
  return (
    <Card
      title={words.card.limits}
      right={
        <button type="button" className="link" disabled={stale} onClick={onChange}>
          {words.changeLive}
        </button>
      }
    >
      <dl className={card.properties}>
        <Property label={f.cpu} value={host.NanoCpus ? words.cores(host.NanoCpus / 1e9) : f.noLimit} title="" />
        <Property label={f.memory} value={host.Memory ? formatBytes(host.Memory) : f.noLimit} title="" />
        <Property label={f.pids} value={host.PidsLimit && host.PidsLimit > 0 ? String(host.PidsLimit) : f.noLimit} title="" />
      </dl>
    </Card>
  );
}

function Networks({ container }: { container: ContainerDetail }) {
  const networks = container.inspect?.NetworkSettings?.Networks;
  const rows = networks ? Object.entries(networks) : container.networks.map((name) => [name, {}] as [string, { IPAddress?: string; Aliases?: string[] | null }]);
  const f = words.field;
  return (
    <Card title={words.card.networks}>
      {rows.length === 0 ? (
        <p className={card.nothing}>{words.noneOf.networks}</p>
      ) : (
        <table className={`${card.list ?? ''} ${card.fixed ?? ''}`}>
          <thead>
            <tr>
              <th scope="col">{f.network}</th>
              <th scope="col">{f.address}</th>
              <th scope="col">{f.aliases}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, endpoint]) => (
              <tr key={name}>
                <td title={name}>{name}</td>
                <td className="mono">{endpoint.IPAddress || common.none}</td>
                <td title={endpoint.Aliases?.join(', ')}>{endpoint.Aliases?.join(', ') || common.none}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function PortList({ container }: { container: ContainerDetail }) {
  const published = publishedPorts(container);
  const exposed = container.ports.filter((port) => port.public === null);
  const f = words.field;
  return (
    <Card title={words.card.ports}>
      {published.length + exposed.length === 0 ? (
        <p className={card.nothing}>{words.noneOf.ports}</p>
      ) : (
        <table className={`${card.list ?? ''} ${card.fixed ?? ''}`}>
          <thead>
            <tr>
              <th scope="col">{f.host}</th>
              <th scope="col">{f.container}</th>
            </tr>
          </thead>
          <tbody>
            {published.map((port) => (
              <tr key={`${port.public ?? 0}-${port.private}-${port.type}`}>
                <td className="mono">
                  {port.ip ?? '0.0.0.0'}:{port.public}
                </td>
                <td className="mono">
                  {port.private}/{port.type}
                </td>
              </tr>
            ))}
            {exposed.map((port) => (
              <tr key={`-${port.private}-${port.type}`}>
                <td className="muted">{f.notPublished}</td>
                <td className="mono">
                  {port.private}/{port.type}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function Mounts({ container }: { container: ContainerDetail }) {
  const f = words.field;
  return (
    <Card title={words.card.mounts}>
      {container.mounts.length === 0 ? (
        <p className={card.nothing}>{words.noneOf.mounts}</p>
      ) : (
        <table className={`${card.list ?? ''} ${card.fixed ?? ''}`}>
          <thead>
            <tr>
              <th scope="col">{f.target}</th>
              <th scope="col">{f.source}</th>
              <th scope="col" style={{ width: '26%' }}>
                {f.mode}
              </th>
            </tr>
          </thead>
          <tbody>
            {container.mounts.map((mount) => (
              <tr key={mount.destination}>
                <td className="mono" title={mount.destination}>
                  {mount.destination}
                </td>
                <td title={mount.source}>{mount.type === 'volume' ? `volume ${mount.name.slice(0, 20)}` : mount.type === 'tmpfs' ? 'tmpfs' : mount.source}</td>
                <td>{mount.read_only ? f.readOnly : f.readWrite}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function Environment({ env }: { env: readonly string[] }) {
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <Card
      title={words.card.environment}
      right={
        <>
          {env.length}
          {env.length > 0 && (
            <Button variant="subtle" size="xs" leftSection={<Icon aria-hidden />} aria-pressed={shown} onClick={() => setShown(!shown)}>
              {shown ? words.hide : words.reveal}
            </Button>
          )}
        </>
      }
    >
      {env.length === 0 ? (
        <p className={card.nothing}>{words.noneOf.environment}</p>
      ) : (
        <table className={`${card.list ?? ''} ${card.fixed ?? ''}`}>
          <tbody>
            {env.map((pair) => {
              const at = pair.indexOf('=');
              const name = at < 0 ? pair : pair.slice(0, at);
              const value = at < 0 ? '' : pair.slice(at + 1);
              const text = shown ? value : maskValue(name, value);
              return (
                <tr key={name}>
                  <td className="mono" title={name}>
                    {name}
                  </td>
                  <td className="mono" title={text}>
                    {text}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Card>
  );
}

const NANO = 1e9;

function Health({ inspect, now }: { inspect: DockerInspect; now: number }) {
  const check = inspect.Config?.Healthcheck;
  const log = inspect.State?.Health?.Log ?? [];
  if (!check || check.Test?.[0] === 'NONE') return null;
  return (
    <Card title={words.card.health} right={words.everyTimeout(formatDuration((check.Interval || 30 * NANO) / NANO), formatDuration((check.Timeout || 30 * NANO) / NANO))}>
      <table className={`${card.list ?? ''} ${card.fixed ?? ''}`}>
        <tbody>
          {[...log].reverse().map((entry) => (
            <tr key={entry.Start}>
              <td className="mono" style={{ width: '34%' }}>
                {formatTime(entry.Start, now)}
              </td>
              <td title={entry.Output} className={entry.ExitCode === 0 ? undefined : 'bad'}>
                <span className="row">
                  <Glyph name={entry.ExitCode === 0 ? 'ok' : 'bad'} tone={entry.ExitCode === 0 ? 'ok' : 'bad'} />
                  <span className="ellipsis">{words.exitCode(entry.ExitCode, formatDuration(Math.max(0, (Date.parse(entry.End) - Date.parse(entry.Start)) / 1000)))}</span>
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
