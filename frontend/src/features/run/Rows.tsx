/** The repeated rows of the run form: ports, volumes, variables. */
import { ActionIcon, Button, NativeSelect, TextInput } from '@mantine/core';
import { ArrowRight, Plus, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { run as words } from '@/messages';
import { Glyph } from '@/ui/Glyph';
import type { EnvRow, PortProblem, PortRow, VolumeRow } from './form';
import classes from './RunPage.module.css';

function replaced<T>(rows: readonly T[], at: number, change: Partial<T>): T[] {
  return rows.map((row, index) => (index === at ? { ...row, ...change } : row));
}

function Remove({ what, onClick }: { what: string; onClick: () => void }) {
  return (
    <ActionIcon onClick={onClick} aria-label={words.remove(what)}>
      <X aria-hidden />
    </ActionIcon>
  );
}

function Add({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <div>
      <Button variant="subtle" leftSection={<Plus aria-hidden />} onClick={onClick}>
        {label}
      </Button>
    </div>
  );
}

const without = <T,>(rows: readonly T[], at: number): T[] => rows.filter((_row, index) => index !== at);

function Row({ kind, children }: { kind: string; children: ReactNode }) {
  return <div className={`${classes.repeated ?? ''} ${classes[kind] ?? ''}`}>{children}</div>;
}

export function PortRows({ rows, problems, onChange }: { rows: readonly PortRow[]; problems: readonly (PortProblem | null)[]; onChange: (rows: PortRow[]) => void }) {
  return (
    <div className={classes.rows}>
      {rows.map((row, at) => {
        const problem = problems[at];
        return (
          <Row key={at} kind="port">
            <TextInput aria-label={`${words.hostPort} ${at + 1}`} inputMode="numeric" placeholder={words.anyPort} value={row.hostPort} error={problem !== null && problem !== undefined} onChange={(event) => onChange(replaced(rows, at, { hostPort: event.currentTarget.value }))} />
            <ArrowRight aria-hidden className={classes.arrow} />
            <TextInput aria-label={`${words.containerPort} ${at + 1}`} inputMode="numeric" placeholder="80" value={row.containerPort} onChange={(event) => onChange(replaced(rows, at, { containerPort: event.currentTarget.value }))} />
            <NativeSelect aria-label={`${words.protocol} ${at + 1}`} value={row.protocol} data={['tcp', 'udp']} onChange={(event) => onChange(replaced(rows, at, { protocol: event.currentTarget.value === 'udp' ? 'udp' : 'tcp' }))} />
            <span className={classes.rowProblem} role={problem ? 'alert' : undefined}>
              {problem && (
                <>
                  <Glyph name="bad" /> {problem.text}{' '}
                  {problem.free !== null && (
                    <button type="button" className="link" onClick={() => onChange(replaced(rows, at, { hostPort: String(problem.free) }))}>
                      {words.usePort(problem.free)}
                    </button>
                  )}
                </>
              )}
            </span>
            <Remove what={`${words.ports} ${at + 1}`} onClick={() => onChange(without(rows, at))} />
          </Row>
        );
      })}
      <Add label={words.addPort} onClick={() => onChange([...rows, { hostIp: '', hostPort: '', containerPort: '', protocol: 'tcp' }])} />
    </div>
  );
}

export function VolumeRows({ rows, names, onChange }: { rows: readonly VolumeRow[]; names: readonly string[]; onChange: (rows: VolumeRow[]) => void }) {
  return (
    <div className={classes.rows}>
      <datalist id="run-volumes">
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {rows.map((row, at) => (
        <Row key={at} kind="volume">
          <TextInput aria-label={`${words.source} ${at + 1}`} placeholder={words.source} list="run-volumes" value={row.source} onChange={(event) => onChange(replaced(rows, at, { source: event.currentTarget.value }))} autoComplete="off" spellCheck={false} />
          <ArrowRight aria-hidden className={classes.arrow} />
          <TextInput aria-label={`${words.target} ${at + 1}`} placeholder="/data" value={row.target} onChange={(event) => onChange(replaced(rows, at, { target: event.currentTarget.value }))} autoComplete="off" spellCheck={false} />
          <NativeSelect
            aria-label={`${words.access} ${at + 1}`}
            value={row.readOnly ? 'ro' : 'rw'}
            data={[
              { value: 'rw', label: words.readWrite },
              { value: 'ro', label: words.readOnly },
            ]}
            onChange={(event) => onChange(replaced(rows, at, { readOnly: event.currentTarget.value === 'ro' }))}
          />
          <Remove what={`${words.volumes} ${at + 1}`} onClick={() => onChange(without(rows, at))} />
        </Row>
      ))}
      <Add label={words.addVolume} onClick={() => onChange([...rows, { source: '', target: '', readOnly: false }])} />
    </div>
  );
}

export function EnvRows({ rows, onChange }: { rows: readonly EnvRow[]; onChange: (rows: EnvRow[]) => void }) {
  return (
    <div className={classes.rows}>
      {rows.map((row, at) => (
        <Row key={at} kind="env">
          <TextInput aria-label={`${words.variable} ${at + 1}`} classNames={{ input: classes.mono }} placeholder="NAME" value={row.name} onChange={(event) => onChange(replaced(rows, at, { name: event.currentTarget.value }))} autoComplete="off" spellCheck={false} />
          <TextInput aria-label={`${words.value} ${at + 1}`} classNames={{ input: classes.mono }} placeholder={words.value} value={row.value} onChange={(event) => onChange(replaced(rows, at, { value: event.currentTarget.value }))} autoComplete="off" spellCheck={false} />
          <Remove what={`${words.environment} ${at + 1}`} onClick={() => onChange(without(rows, at))} />
        </Row>
      ))}
      <Add label={words.addVariable} onClick={() => onChange([...rows, { name: '', value: '' }])} />
    </div>
  );
}
