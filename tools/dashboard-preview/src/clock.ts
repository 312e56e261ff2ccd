// How all pages write times: 24 hours, the machine's time zone.
const two = (n: number): string => String(n).padStart(2, '0');

/** 23:15:02; without seconds where they are always 0 */
export function clock(seconds: number, withSeconds = true): string {
  const date = new Date(seconds * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}${withSeconds ? `:${two(date.getSeconds())}` : ''}`;
}

export function day(seconds: number): string {
  const date = new Date(seconds * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** 2026-11-29 23:15:02 */
export const moment = (seconds: number): string => `${day(seconds)} ${clock(seconds)}`;

/** Labels of a time axis: the time of day; the date at the start of a day or if a step is a day. */
export function axisTimes(times: number[], step: number): string[] {
  return times.map((time, i) => {
    if (step >= 86400) return day(time).slice(5);
    const newDay = i > 0 && day(time) !== day(times[i - 1]!);
    return newDay ? day(time).slice(5) : clock(time, step < 60);
  });
}
