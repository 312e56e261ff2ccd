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

/** Places of labels on a time axis: multiples of the step, so that those of a day are at midnight here and not in UTC. */
export function axisPlaces(from: number, to: number, step: number): number[] {
  const places: number[] = [];
  const behind = (time: number): number => new Date(time * 1000).getTimezoneOffset() * 60; // UTC minus the local time
  for (let local = Math.ceil((from - behind(from)) / step) * step; ; local += step) {
    const time = local + behind(local + behind(from));
    if (time > to) return places;
    if (time >= from && time !== places.at(-1)) places.push(time); // an hour that the clock skips is the next one
  }
}

/** Labels of a time axis: the time of day; the date at the start of a day or if a step is a day. */
export function axisTimes(times: number[], step: number): string[] {
  return times.map((time, i) => {
    if (step >= 86400) return day(time).slice(5);
    const newDay = i > 0 && day(time) !== day(times[i - 1]!);
    return newDay ? day(time).slice(5) : clock(time, step < 60);
  });
}
