/** One choice out of a few, side by side. */
import classes from './Seg.module.css';

interface Props<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string; title?: string }[];
  onChange: (value: T) => void;
}

export function Seg<T extends string>({ label, value, options, onChange }: Props<T>) {
  return (
    <span className={classes.seg} role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" title={option.title} aria-pressed={option.value === value} onClick={() => onChange(option.value)}>
          {option.label}
        </button>
      ))}
    </span>
  );
}

/** The same look for independent switches. */
export function SegToggles({ label, options }: { label: string; options: readonly { label: string; title: string; on: boolean; toggle: () => void }[] }) {
  return (
    <span className={classes.seg} data-small role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.title} type="button" title={option.title} aria-label={`${option.label}: ${option.title}`} aria-pressed={option.on} onClick={option.toggle}>
          {option.label}
        </button>
      ))}
    </span>
  );
}
