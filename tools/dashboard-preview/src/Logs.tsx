// Log lines of the run, newest first, with links to all lines of the same request.
import { useEffect, useState } from 'preact/hooks';
import { clock, day } from './clock';
import { json, type LogAnswer, type LogLine } from './server';

export interface LogQuery {
  /** seconds */
  from: number;
  to: number;
  level?: string;
  id?: string;
  text?: string;
  source?: string;
  limit?: number;
  /** one line of each kind */
  kinds?: 1;
}

const parameters = ({ from, to, ...rest }: LogQuery): URLSearchParams => {
  const all = { from: String(Math.floor(from * 1000)), to: String(Math.ceil(to * 1000)), ...rest };
  return new URLSearchParams(Object.entries(all).filter(([, value]) => value).map(([name, value]) => [name, String(value)]));
};

const AROUND = 600; // seconds before and after a line to search for lines of the same request

/** A link to the log page with this query. */
export const logsLink = (query: LogQuery): string => `/logs?${parameters(query)}`;
/** A link to all lines of a request that was logged at about this time. */
export const requestLink = (id: string, at: number): string => logsLink({ id, from: at - AROUND, to: at + AROUND });

export function useLogs(query: LogQuery, turn: number): { answer?: LogAnswer; trouble: string } {
  const [state, setState] = useState<{ answer?: LogAnswer; trouble: string }>({ trouble: '' });
  const asked = parameters(query).toString();
  useEffect(() => {
    const controller = new AbortController();
    json<LogAnswer>(`/api/logs?${asked}`, { signal: controller.signal })
      .then((answer) => setState({ answer, trouble: '' }))
      .catch((error: Error) => controller.signal.aborted || setState((before) => ({ ...before, trouble: error.message })));
    return () => controller.abort();
  }, [asked, turn]);
  return state;
}

const exact = (time: number): string => `${clock(time / 1000)}.${String(Math.floor(time % 1000)).padStart(3, '0')}`;

/** Lines grouped by kind, so that a frequent fault does not hide a rare one. Errors first, then by first occurrence. */
export function LogKinds({ answer, trouble }: { answer?: LogAnswer; trouble: string }) {
  const kinds = [...(answer?.lines ?? [])].sort((a, b) => Number(b.level === 'error') - Number(a.level === 'error') || a.first! - b.first!);
  return (
    <div className="logs" data-logs={answer ? kinds.length : 'loading'}>
      {[...(trouble ? [trouble] : []), ...(answer?.faults ?? [])].map((fault) => <p key={fault} role="alert" className="bad">{fault}</p>)}
      {answer && !kinds.length && <p className="faint">{answer.sources.length ? 'No warnings or errors in this time range.' : NO_FILES}</p>}
      <ol>
        {kinds.slice(0, 40).map((line, i) => (
          <li key={i} className={`log ${line.level}`}>
            <time dateTime={new Date(line.first!).toISOString()}>{exact(line.first!)}</time>
            <b>{line.level}</b>
            <span className="source">{line.source}</span>
            <span className="said">
              <Said line={line} />{' '}
              {line.count! > 1 && <a href={logsLink({ from: line.first! / 1000 - 1, to: line.time / 1000 + 1, level: line.level, text: line.text.split('\n')[0]!.slice(0, 80), source: line.source })}>{line.count} times, last at {clock(line.time / 1000)}</a>}
            </span>
          </li>
        ))}
      </ol>
      {answer?.cut && <p className="faint">There may be more lines.</p>}
    </div>
  );
}

const NO_FILES = 'There are no log files in LOGS_DIR. make run writes them.';

const Said = ({ line }: { line: LogLine }) => (
  <>
    {line.text}
    {Object.entries(line.fields).map(([name, value]) => <span key={name} className="field"> {name}=<i>{value}</i></span>)}
    {line.id && <> <a href={requestLink(line.id, line.time / 1000)} aria-label={`All lines of request ${line.id}`}>{line.id}</a></>}
  </>
);

function Line({ line }: { line: LogLine }) {
  return (
    <li className={`log ${line.level}`}>
      <time dateTime={new Date(line.time).toISOString()}>{exact(line.time)}</time>
      <b>{line.level}</b>
      <span className="source">{line.source}</span>
      <span className="said">
        <Said line={line} />
      </span>
    </li>
  );
}

export function LogLines({ answer, trouble, none }: { answer?: LogAnswer; trouble: string; none: string }) {
  const lines = answer?.lines ?? [];
  const faults = [...(trouble ? [trouble] : []), ...(answer?.faults ?? [])];
  return (
    <div className="logs" data-logs={answer ? lines.length : 'loading'}>
      {faults.map((fault) => <p key={fault} role="alert" className="bad">{fault}</p>)}
      {answer && !lines.length && <p className="faint">{answer.sources.length ? none : NO_FILES}</p>}
      <ol>
        {lines.map((line, i) => {
          const newDay = i > 0 && day(line.time / 1000) !== day(lines[i - 1]!.time / 1000);
          return (
            <>
              {newDay && <li key={`day-${i}`} className="day">{day(line.time / 1000)}</li>}
              <Line key={`${line.time}-${line.source}-${i}`} line={line} />
            </>
          );
        })}
      </ol>
      {answer?.cut && <p className="faint">There may be more lines: narrow the time range or search for a word.</p>}
    </div>
  );
}
