/** Run a container: the form, where it goes, the command it equals, and what is checked before it runs. */
import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { ChevronDown, Plus } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Page } from '@/app/Page';
import { asProblem, post } from '@/lib/api/client';
import { containersQuery, hostsQuery, imagesQuery, networksQuery, volumesQuery } from '@/lib/api/queries';
import type { Host, Image, Job } from '@/lib/api/types';
import { isSilent } from '@/lib/state';
import { common, containers as listWords, hosts as hostWords, run as words } from '@/messages';
import { Empty } from '@/ui/Empty';
import { Glyph } from '@/ui/Glyph';
import { ButtonLink } from '@/ui/links';
import { Problem } from '@/ui/Problem';
import { checks, emptyForm, portProblems, takenPorts, toRequest, type RunForm } from './form';
import { PasteEnv } from './PasteEnv';
import { EnvRows, PortRows, VolumeRows } from './Rows';
import classes from './RunPage.module.css';
import { RunSide } from './RunSide';
import { WatchRun } from './WatchRun';

/** Hosts that have the image first, then the least loaded; silent and cordoned ones are not chosen. */
function bestHost(hosts: readonly Host[], images: readonly Image[], image: string): Host | undefined {
  const has = (host: Host) => images.some((each) => each.host.id === host.id && each.tags.includes(image));
  return hosts
    .filter((host) => !isSilent(host) && host.state !== 'pending' && host.schedulable)
    .sort((a, b) => Number(has(b)) - Number(has(a)) || Number(a.state === 'degraded') - Number(b.state === 'degraded') || (a.cpu_percent ?? 50) - (b.cpu_percent ?? 50))[0];
}

export function RunPage() {
  const search = useSearch({ from: '/shell/run' });
  const client = useQueryClient();
  const { data: hosts } = useQuery(hostsQuery);
  const { data: containers } = useQuery(containersQuery);
  const { data: images } = useQuery(imagesQuery);
  const { data: networks } = useQuery(networksQuery);
  const { data: volumes } = useQuery(volumesQuery);
  const [form, setForm] = useState<RunForm>({ ...emptyForm, image: search.image ?? '', host: search.host ?? '' });
  const [chosenHost, setChosenHost] = useState(search.host !== undefined);
  const [more, setMore] = useState(false);
  const [pasting, setPasting] = useState(false);
  const [job, setJob] = useState<Job | null>(null);
  const set = (change: Partial<RunForm>) => setForm((old) => ({ ...old, ...change }));

  const best = useMemo(() => bestHost(hosts?.rows ?? [], images?.rows ?? [], form.image.trim()), [hosts, images, form.image]);
  const active: RunForm = useMemo(() => (chosenHost || !best ? form : { ...form, host: best.id }), [chosenHost, best, form]);
  const host = hosts?.rows.find((each) => each.id === active.host);
  const list = useMemo(() => checks(active, hosts?.rows ?? [], containers?.rows ?? []), [active, hosts, containers]);
  const problems = portProblems(active, takenPorts(containers?.rows ?? [], active.host));
  const wrong = list.filter((check) => !check.ok);
  const onHost = images?.rows.some((image) => image.host.id === active.host && image.tags.some((tag) => tag === form.image.trim() || tag === `${form.image.trim()}:latest`)) ?? false;

  const submit = useMutation({
    mutationFn: (start: boolean) => post<Job>('/containers', toRequest(active, start)),
    onSuccess: (started) => {
      setJob(started);
      void client.invalidateQueries({ queryKey: ['jobs'] });
      void client.invalidateQueries({ queryKey: ['containers'] });
    },
  });

  if (hosts?.rows.length === 0) {
    return (
      <Page title={words.title} parent={{ to: '/containers', label: listWords.title }}>
        <Empty
          art="slack"
          title={words.noHosts}
          actions={
            <ButtonLink variant="filled" to="/hosts" search={{ add: '1' }}>
              {hostWords.addFirst}
            </ButtonLink>
          }
        >
          <p>{words.noHostsText}</p>
        </Empty>
      </Page>
    );
  }

  const tags = [...new Set(images?.rows.flatMap((image) => image.tags) ?? [])].sort();
  const networkNames = [...new Set(networks?.rows.filter((network) => network.host.id === active.host).map((network) => network.name) ?? [])].sort();
  const volumeNames = volumes?.rows.filter((volume) => volume.host.id === active.host).map((volume) => volume.name) ?? [];

  return (
    <Page title={words.title} parent={{ to: '/containers', label: listWords.title }}>
      <form
        className={classes.split}
        onSubmit={(event) => {
          event.preventDefault();
          if (wrong.length === 0 && !submit.isPending) submit.mutate(true);
        }}
      >
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard */}
        <div className={classes.form} tabIndex={0} role="region" aria-label={words.title}>
          {submit.error && (
            <div className={classes.problem}>
              <Problem title={words.refusedTitle} problem={{ ...asProblem(submit.error), next: [asProblem(submit.error).next, words.kept].filter(Boolean).join(' ') }} />
            </div>
          )}
          <section>
            <h2>
              {words.image}
              <span>{words.required}</span>
            </h2>
            <div className={classes.imageRow}>
              <TextInput
                aria-label={words.image}
                classNames={{ input: classes.mono }}
                placeholder={words.imagePlaceholder}
                value={form.image}
                onChange={(event) => set({ image: event.currentTarget.value })}
                list="run-images"
                autoComplete="off"
                spellCheck={false}
                rightSection={form.image.trim() === '' ? undefined : <span className={classes.where}>{onHost ? <Glyph name="ok" tone="ok" /> : null} {onHost ? words.imageOnHost : words.imagePulled}</span>}
                rightSectionWidth={110}
                data-autofocus
              />
              <datalist id="run-images">
                {tags.map((tag) => (
                  <option key={tag} value={tag} />
                ))}
              </datalist>
              <NativeSelect aria-label={words.pull} value={form.pull} onChange={(event) => set({ pull: event.currentTarget.value as RunForm['pull'] })} data={Object.entries(words.pullOptions).map(([value, label]) => ({ value, label }))} />
            </div>
          </section>
          <section>
            <h2>{words.name}</h2>
            <div className={classes.two}>
              <TextInput aria-label={words.name} placeholder={words.namePlaceholder} value={form.name} onChange={(event) => set({ name: event.currentTarget.value })} autoComplete="off" spellCheck={false} error={list.find((check) => check.key === 'name' && !check.ok)?.text} />
              <NativeSelect aria-label={words.restart} value={form.restart} onChange={(event) => set({ restart: event.currentTarget.value as RunForm['restart'] })} data={Object.entries(words.restartOptions).map(([value, label]) => ({ value, label }))} />
            </div>
          </section>
          <section>
            <h2>
              {words.command}
              <span>{words.commandHint}</span>
            </h2>
            <TextInput aria-label={words.command} classNames={{ input: classes.mono }} value={form.command} onChange={(event) => set({ command: event.currentTarget.value })} autoComplete="off" spellCheck={false} />
          </section>
          <section>
            <h2>
              {words.ports}
              <span>{words.portsHint}</span>
            </h2>
            <PortRows rows={form.ports} problems={problems} onChange={(ports) => set({ ports })} />
          </section>
          <section>
            <h2>
              {words.volumes}
              <span>{words.volumesHint}</span>
            </h2>
            <VolumeRows rows={form.volumes} names={volumeNames} onChange={(rows) => set({ volumes: rows })} />
          </section>
          <section>
            <h2>
              {words.environment}
              <button type="button" className="link" onClick={() => setPasting(true)}>
                {words.pasteEnv}
              </button>
            </h2>
            <EnvRows rows={form.env} onChange={(env) => set({ env })} />
          </section>
          <section>
            <h2>{words.limits}</h2>
            <div className={classes.three}>
              <TextInput aria-label={words.cpus} inputMode="decimal" placeholder={words.cpus} value={form.cpus} onChange={(event) => set({ cpus: event.currentTarget.value })} rightSection={<span className={classes.unit}>{host?.cpus ? words.ofCores(host.cpus) : words.cores}</span>} rightSectionWidth={90} error={list.some((check) => check.key === 'cpus' && !check.ok)} />
              <TextInput aria-label={words.memory} inputMode="decimal" placeholder={words.memory} value={form.memory} onChange={(event) => set({ memory: event.currentTarget.value })} rightSection={<span className={classes.unit}>{words.mib}</span>} rightSectionWidth={52} error={list.some((check) => check.key === 'memory' && !check.ok)} />
              <TextInput aria-label={words.pids} inputMode="numeric" placeholder={words.pids} value={form.pids} onChange={(event) => set({ pids: event.currentTarget.value.trim() })} rightSection={<span className={classes.unit}>{words.pidsUnit}</span>} rightSectionWidth={78} error={list.some((check) => check.key === 'pids' && !check.ok)} />
            </div>
          </section>
          <section>
            <h2>{words.more}</h2>
            {more ? (
              <div className={classes.more}>
                <div className={classes.two}>
                  <NativeSelect label={words.network} value={form.network} onChange={(event) => set({ network: event.currentTarget.value })} data={[{ value: '', label: 'bridge' }, ...networkNames.filter((name) => name !== 'bridge').map((name) => ({ value: name, label: name }))]} />
                  <TextInput label={words.entrypoint} classNames={{ input: classes.mono }} value={form.entrypoint} onChange={(event) => set({ entrypoint: event.currentTarget.value })} spellCheck={false} autoComplete="off" />
                  <TextInput label={words.user} value={form.user} onChange={(event) => set({ user: event.currentTarget.value })} spellCheck={false} autoComplete="off" />
                  <TextInput label={words.workdir} classNames={{ input: classes.mono }} value={form.workdir} onChange={(event) => set({ workdir: event.currentTarget.value })} spellCheck={false} autoComplete="off" />
                  <TextInput label={words.hostname} value={form.hostname} onChange={(event) => set({ hostname: event.currentTarget.value })} spellCheck={false} autoComplete="off" />
                </div>
                <Textarea label={words.labels} description={words.labelsHint} classNames={{ input: classes.mono }} rows={3} value={form.labels} onChange={(event) => set({ labels: event.currentTarget.value })} spellCheck={false} />
                <Switch label={words.tty} checked={form.tty} onChange={(tty) => set({ tty })} />
                <Switch label={words.stdin} checked={form.stdin} onChange={(stdin) => set({ stdin })} />
                <Switch label={words.autoRemove} checked={form.autoRemove} onChange={(autoRemove) => set({ autoRemove })} />
                <Switch label={words.privileged} checked={form.privileged} onChange={(privileged) => set({ privileged })} />
              </div>
            ) : (
              <div>
                <Button variant="subtle" rightSection={<ChevronDown aria-hidden />} onClick={() => setMore(true)}>
                  {[form.network || 'bridge', form.user, form.tty ? '-t' : '', form.autoRemove ? '--rm' : ''].filter(Boolean).join(', ')}
                </Button>
              </div>
            )}
          </section>
        </div>
        <RunSide
          form={active}
          hosts={hosts?.rows ?? []}
          images={images?.rows ?? []}
          checks={list}
          onHost={(id) => {
            setChosenHost(true);
            set({ host: id });
          }}
          onForm={(next) => setForm({ ...next, host: form.host })}
        />
        <footer className={classes.foot}>
          <Button type="submit" variant="filled" size="md" disabled={wrong.length > 0 || submit.isPending} leftSection={<Plus aria-hidden />}>
            {words.submit}
          </Button>
          <Button size="md" disabled={wrong.length > 0 || submit.isPending} onClick={() => submit.mutate(false)}>
            {words.createOnly}
          </Button>
          {wrong.length > 0 && (form.image !== '' || wrong.length > 1) && (
            <span className={`${classes.fix ?? ''} desk`}>
              <Glyph name="bad" /> {words.fix(wrong.length, wrong[0]?.text ?? '')}
            </span>
          )}
          <span className={classes.cancel}>
            <ButtonLink variant="subtle" to="/containers">
              {common.cancel}
            </ButtonLink>
          </span>
        </footer>
      </form>
      {job && <WatchRun job={job} onClose={() => setJob(null)} />}
      {pasting && <PasteEnv onClose={() => setPasting(false)} onAdd={(rows) => set({ env: [...form.env.filter((row) => !rows.some(([name]) => name === row.name)), ...rows.map(([name, value]) => ({ name, value }))] })} />}
    </Page>
  );
}

function Switch({ label, checked, onChange }: { label: string; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <label className={classes.switch}>
      <input type="checkbox" className="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} /> {label}
    </label>
  );
}
