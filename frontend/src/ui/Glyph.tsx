/** The state glyphs: each its own shape, so that a state is readable without its colour. */
import type { ReactNode } from 'react';
import type { GlyphName, Tone } from '@/lib/state';
import { cx } from './cx';
import classes from './Glyph.module.css';

const shapes: Record<GlyphName, ReactNode> = {
  run: <circle cx="6" cy="6" r="4" fill="currentColor" />,
  ok: <path d="M2.5 6.4 5 8.8 9.6 3.6" fill="none" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" strokeLinejoin="round" />,
  idle: <circle cx="6" cy="6" r="3.7" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  bad: (
    <>
      <path d="M3.6.8h4.8l2.8 2.8v4.8l-2.8 2.8H3.6L.8 8.4V3.6z" fill="currentColor" />
      <path d="m4.2 4.2 3.6 3.6m0-3.6L4.2 7.8" stroke="var(--mo-surface)" strokeWidth="1.3" strokeLinecap="round" />
    </>
  ),
  loop: <path d="M10 6a4 4 0 1 1-1.3-2.95M9.9 1.3v2.3H7.6" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" />,
  pause: <path d="M4 2.8v6.4M8 2.8v6.4" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  warn: (
    <>
      <path d="M6 1.1 11.3 10.6H.7z" fill="currentColor" stroke="currentColor" strokeWidth=".8" strokeLinejoin="round" />
      <path d="M6 4.4v2.9M6 8.9v.1" stroke="var(--mo-surface)" strokeWidth="1.3" strokeLinecap="round" />
    </>
  ),
  work: (
    <>
      <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.4" opacity=".35" />
      <path d="M6 1.8A4.2 4.2 0 0 1 10.2 6" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" />
    </>
  ),
  unknown: (
    <>
      <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.4" strokeDasharray="2 1.77" />
      <circle cx="6" cy="6" r="1" fill="currentColor" />
    </>
  ),
  queue: (
    <>
      <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.4" />
      <path d="M6 3.6V6l1.6 1.2" fill="none" stroke="currentColor" strokeWidth="1.3" strokeLinecap="round" />
    </>
  ),
  cordon: (
    <>
      <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.4" />
      <path d="M3.2 8.8 8.8 3.2" stroke="currentColor" strokeWidth="1.4" />
    </>
  ),
};

interface Props {
  name: GlyphName;
  /** Colour by tone; without it the glyph has the colour of the text around it. */
  tone?: Tone;
  className?: string | undefined;
}

export function Glyph({ name, tone, className }: Props) {
  return (
    <svg className={cx(classes.glyph, name === 'work' && classes.turning, tone && classes[tone], className)} viewBox="0 0 12 12" aria-hidden="true">
      {shapes[name]}
    </svg>
  );
}
