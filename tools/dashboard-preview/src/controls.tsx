// The controls at the top of the page. Native elements where possible: they support keyboards and screen readers.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { moment } from './clock';
import type { Range } from './model';
import { ALL, type Option } from './variables';

/** A button and what it opens; Escape and a click elsewhere close it. */
export function Popover({ label, text, children }: { label: string; text: string; children: (close: () => void) => ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const whole = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!open) return undefined;
    whole.current?.querySelector<HTMLElement>('.popup input, .popup button')?.focus();
    const outside = (event: Event) => whole.current?.contains(event.target as Node) || setOpen(false);
    const key = (event: KeyboardEvent) => event.key === 'Escape' && (event.stopPropagation(), close());
    document.addEventListener('pointerdown', outside);
    whole.current?.addEventListener('keydown', key);
    return () => {
      document.removeEventListener('pointerdown', outside);
      whole.current?.removeEventListener('keydown', key);
    };
  }, [open]);
  return (
    <div className="popover" ref={whole}>
      <button type="button" ref={button} aria-expanded={open} aria-controls={id} aria-label={`${label}: ${text}`} onClick={() => setOpen(!open)}>
        {text} <span aria-hidden="true">▾</span>
      </button>
      {open && <div className="popup" id={id} role="group" aria-label={label}>{children(close)}</div>}
    </div>
  );
}

/** Choose several values of a list; no choice means All. */
export function Several({ label, values, chosen, onChange }: { label: string; values: Option[]; chosen: string[]; onChange: (chosen: string[]) => void }) {
  const [filter, setFilter] = useState('');
  const all = chosen.includes(ALL);
  const named = (value: string) => values.find((one) => one.value === value) ?? { value, text: value };
  const text = all ? 'All' : chosen.length <= 2 ? chosen.map((value) => named(value).text).join(', ') : `${chosen.length} selected`;
  const offered = [...new Map([...values, ...chosen.filter((one) => one !== ALL).map(named)].map((one) => [one.value, one])).values()];
  const found = offered.filter((one) => `${one.text} ${one.value}`.toLowerCase().includes(filter.toLowerCase()));
  const toggle = (value: string) => {
    const next = all ? [value] : chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value];
    onChange(next.length ? next : [ALL]);
  };
  return (
    <div className="variable">
      <span aria-hidden="true">{label}</span>
      <Popover label={label} text={text}>
        {() => (
          <>
            {offered.length > 8 && (
              <input type="search" aria-label={`Find ${label}`} placeholder="find" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
            )}
            <label className="option">
              <input type="checkbox" checked={all} onChange={() => onChange([ALL])} /> All
            </label>
            {found.slice(0, 200).map(({ value, text: shown }) => (
              <label className="option" key={value} title={value}>
                <input type="checkbox" checked={!all && chosen.includes(value)} onChange={() => toggle(value)} /> {shown}
              </label>
            ))}
            {found.length > 200 && <p>and {found.length - 200} more: type to filter</p>}
            {!found.length && <p>no match</p>}
          </>
        )}
      </Popover>
    </div>
  );
}

const quick: Array<[string, string]> = [
  ['5m', '5 minutes'], ['15m', '15 minutes'], ['30m', '30 minutes'], ['1h', '1 hour'], ['3h', '3 hours'], ['6h', '6 hours'],
  ['12h', '12 hours'], ['24h', '24 hours'], ['2d', '2 days'], ['7d', '7 days'], ['30d', '30 days'],
];

/** Parses 2026-11-29 23:15:02 (the machine's time zone) to milliseconds; the time or its seconds may be left out. */
function parse(text: string): number {
  const match = /^\s*(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d))?)?\s*$/.exec(text);
  if (!match) return NaN;
  const [year, month, date, hour, minute, second] = match.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number, number, number];
  const at = new Date(year, month - 1, date, hour, minute, second);
  return at.getMonth() === month - 1 && at.getDate() === date && at.getHours() === hour && minute < 60 && second < 60 ? at.getTime() : NaN;
}

export function TimeRange({ from, to, range, onChange }: { from: string; to: string; range: Range; onChange: (from: string, to: string) => void }) {
  const last = /^now-(\w+)$/.exec(from)?.[1];
  const known = to === 'now' && quick.find(([short]) => short === last);
  const text = known ? `Last ${known[1]}` : to === 'now' && last ? `Last ${last}` : `${moment(range.from)} to ${moment(range.to)}`;
  const [start, setStart] = useState('');
  const [end, setEnd] = useState('');
  const [begin, finish] = [start || moment(range.from), end || moment(range.to)];
  const [first, second] = [parse(begin), parse(finish)];
  const fault = Number.isNaN(first) || Number.isNaN(second) ? 'Write times like 2026-11-29 23:15:02.' : first >= second ? 'The end must be after the start.' : '';
  return (
    <Popover label="Time range" text={text}>
      {(close) => (
        <div className="range">
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (fault) return;
              onChange(String(first), String(second));
              setStart(''), setEnd('');
              close();
            }}
          >
            <label>
              From <input type="text" size={20} autocomplete="off" value={begin} onInput={(event) => setStart(event.currentTarget.value)} />
            </label>
            <label>
              To <input type="text" size={20} autocomplete="off" value={finish} onInput={(event) => setEnd(event.currentTarget.value)} />
            </label>
            {fault && <p role="alert">{fault}</p>}
            <button type="submit" disabled={!!fault}>Show this range</button>
          </form>
          <div className="quick">
            {quick.map(([short, long]) => (
              <button type="button" key={short} aria-pressed={short === last && to === 'now'} onClick={() => (onChange(`now-${short}`, 'now'), close())}>
                Last {long}
              </button>
            ))}
          </div>
        </div>
      )}
    </Popover>
  );
}
