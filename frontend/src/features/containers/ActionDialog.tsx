/** The question before an act on containers: who is meant, what is lost, what stays. */
import { Box, HardDrive } from 'lucide-react';
import { useState } from 'react';
import type { Container } from '@/lib/api/types';
import { containers as words } from '@/messages';
import { Confirm, type Lost } from '@/ui/Confirm';
import { actions, whyNot, type Act, type ActionName } from './actions';
import classes from './ActionDialog.module.css';

export interface Asked {
  action: ActionName;
  targets: readonly Container[];
}

/** Runs the act at once, or returns the question that has to be asked first. */
export function askOrAct(act: Act, action: ActionName, targets: readonly Container[]): Asked | null {
  if (actions[action].asks === 'always' || targets.length > 1) return { action, targets };
  void act(action, targets);
  return null;
}

const anonymous = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

export function ActionDialog({ asked, act, onClose, onDone }: { asked: Asked; act: Act; onClose: () => void; onDone?: (action: ActionName) => void }) {
  const { action } = asked;
  const [volumes, setVolumes] = useState(false);
  const possible = asked.targets.filter((target) => whyNot(action, target) === null);
  const skipped = asked.targets.length - possible.length;
  const names = possible.map((target) => target.name);
  const running = possible.filter((target) => target.state === 'running' || target.state === 'paused' || target.state === 'restarting').length;
  const withAnonymous = possible.some((target) => target.mounts.some((mount) => mount.type === 'volume' && anonymous(mount.name)));
  const w = words.confirm;
  const text = {
    remove: [w.removeText, running > 0 ? w.removeRunning(running) : ''].filter(Boolean).join(' '),
    kill: w.killText,
    stop: w.stopText,
    restart: w.restartText,
    start: '',
    pause: '',
    unpause: '',
  }[action];
  const [title, button] = {
    remove: [w.removeTitle(names), w.removeButton(names.length)],
    kill: [w.killTitle(names), w.killButton(names.length)],
    stop: [w.stopTitle(names.length), w.stopButton(names.length)],
    restart: [w.restartTitle(names.length), w.restartButton(names.length)],
    start: [`${words.action.start} ${names.length}?`, words.action.start],
    pause: [`${words.action.pause} ${names.length}?`, words.action.pause],
    unpause: [`${words.action.unpause} ${names.length}?`, words.action.unpause],
  }[action] as [string, string];
  const lost: Lost[] = possible.flatMap((target) => [
    { key: target.id, icon: <Box aria-hidden />, text: target.name, right: action === 'remove' ? w.lostLayer : target.host.name },
    ...(action === 'remove'
      ? target.mounts
          .filter((mount) => mount.type === 'volume')
          .map((mount) => {
            const gone = volumes && anonymous(mount.name);
            return { key: `${target.id}-${mount.destination}`, icon: <HardDrive aria-hidden />, text: w.lostVolume((mount.name || mount.source).slice(0, 24)), right: gone ? w.volumeDeleted : w.volumeKept };
          })
      : []),
  ]);
  const confirm = () => {
    onClose();
    const parameters = action === 'remove' ? { force: running > 0, volumes } : action === 'kill' ? { signal: 'SIGKILL' } : {};
    void act(action, possible, parameters).then((jobs) => {
      if (jobs.length > 0) onDone?.(action);
    });
  };
  return (
    <Confirm title={title} text={text} lost={lost} button={button} danger={actions[action].danger} busy={possible.length === 0} onConfirm={confirm} onClose={onClose} refused={skipped > 0 ? w.skipped(skipped) : null}>
      {action === 'remove' && withAnonymous && (
        <label className={classes.option}>
          <input type="checkbox" className="checkbox" checked={volumes} onChange={(event) => setVolumes(event.target.checked)} />
          <span>
            {w.withVolumes}
            <span className={classes.hint}>{w.withVolumesHint}</span>
          </span>
        </label>
      )}
    </Confirm>
  );
}
