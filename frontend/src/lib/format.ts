/** Numbers, sizes and times as the dashboard writes them: short, with a space before the unit. */

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

function trimmed(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

/** 432013312 → "412 MiB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < SIZE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : trimmed(value)} ${SIZE_UNITS[unit] ?? 'B'}`;
}

/** Used and whole in the whole's unit: "40 of 64 GiB". */
export function formatBytesOf(used: number, total: number): string {
  let divisor = 1;
  let unit = 0;
  while (total / divisor >= 1024 && unit < SIZE_UNITS.length - 1) {
    divisor *= 1024;
    unit += 1;
  }
  return `${trimmed(used / divisor)} of ${trimmed(total / divisor)} ${SIZE_UNITS[unit] ?? 'B'}`;
}

/** Bytes each second, in decimal units as networks count: "3.1 MB/s". */
export function formatRate(bytesPerSecond: number): string {
  if (bytesPerSecond < 1000) return `${Math.round(bytesPerSecond)} B/s`;
  if (bytesPerSecond < 1_000_000) return `${trimmed(bytesPerSecond / 1000)} kB/s`;
  if (bytesPerSecond < 1_000_000_000) return `${trimmed(bytesPerSecond / 1_000_000)} MB/s`;
  return `${trimmed(bytesPerSecond / 1_000_000_000)} GB/s`;
}

/** One decimal below ten, none above: "2.1%", "64%". */
export function formatPercent(percent: number): string {
  return `${percent < 10 ? Number(percent.toFixed(1)) : Math.round(percent)}%`;
}

/** 18400 → "18.4k". */
export function formatCount(count: number): string {
  if (count < 10_000) return count.toLocaleString('en-GB');
  if (count < 1_000_000) return `${trimmed(count / 1000)}k`;
  return `${trimmed(count / 1_000_000)}M`;
}

/** Two units at most, the second only where it says something: "4 s", "48 min", "3 d 4 h". */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 0.1) return `${Math.round(s * 1000)} ms`;
  if (s < 10 && s % 1 !== 0) return `${Number(s.toFixed(1))} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) {
    const hours = Math.floor(s / 3600);
    const minutes = Math.floor((s % 3600) / 60);
    return hours < 6 && minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  }
  const days = Math.floor(s / 86_400);
  const hours = Math.floor((s % 86_400) / 3600);
  return days < 7 && hours > 0 ? `${days} d ${hours} h` : `${days} d`;
}

/** One unit, for narrow columns: "3 d". */
export function formatAge(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 5) return 'now';
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

const timeFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const minuteFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false });
const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const yearFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

function sameDay(a: Date, b: Date): boolean {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

/** "14:02:17" today, "21 Nov 09:58" another day, "3 Feb 2024" another year. */
export function formatTime(iso: string, now: number, seconds = true): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return '–';
  const today = new Date(now);
  if (sameDay(at, today)) return (seconds ? timeFormat : minuteFormat).format(at);
  if (at.getFullYear() === today.getFullYear()) return `${dayFormat.format(at)} ${minuteFormat.format(at)}`;
  return yearFormat.format(at);
}

export function formatClock(at: Date): string {
  const offset = -at.getTimezoneOffset();
  const sign = offset < 0 ? '−' : '+';
  const hours = Math.floor(Math.abs(offset) / 60);
  const minutes = Math.abs(offset) % 60;
  const zone = offset === 0 ? 'UTC' : `UTC${sign}${hours}${minutes ? `:${String(minutes).padStart(2, '0')}` : ''}`;
  return `${timeFormat.format(at)} ${zone}`;
}

/** Seconds between an ISO time and `now` (milliseconds), or null when there is no such time (Docker writes year 1 for "never"). */
export function secondsSince(iso: string | null | undefined, now: number): number | null {
  if (!iso || iso.startsWith('0001-')) return null;
  const at = Date.parse(iso);
  return Number.isNaN(at) ? null : Math.max(0, (now - at) / 1000);
}

export const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);

/** Docker's sentences carry whole ids; twelve digits are enough to know one. */
export const shortIds = (text: string): string => text.replace(/\b(?:sha256:)?([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1');

/** Splits "registry/repo:tag@digest" where the eye splits it; the tag keeps its colon. */
export function splitImage(image: string): { repository: string; tag: string } {
  const at = image.indexOf('@');
  const name = at < 0 ? image : image.slice(0, at);
  const colon = name.lastIndexOf(':');
  if (at >= 0) return { repository: name, tag: `@${image.slice(at + 1, at + 20)}…` };
  if (colon > name.lastIndexOf('/')) return { repository: name.slice(0, colon), tag: name.slice(colon) };
  return { repository: name, tag: '' };
}
