// What the service is waiting for: the section `why` of its /health. Older services do not have it.
import { clock } from './clock';
import { usePolled } from './server';

interface Cause {
  /** store, queue, mail, broker, disk … */
  part: string;
  kind: string;
  /** a sentence: "writes have waited 5.0 s: SQLite is locked by process 4711 (sqlite3)" */
  text: string;
  since?: string;
}

export function Why() {
  const { value, trouble } = usePolled<{ status: string; why?: Cause[] }>('/api/service/health', 5);
  if (!trouble && !value?.why) return null;
  return (
    <section id="why" aria-label="Why">
      <h2>Why <span className="faint">reported by the service now</span></h2>
      {trouble && <p className="bad">{trouble}</p>}
      {!trouble && !value!.why!.length && <p className="faint">It is not waiting for anything.</p>}
      {!trouble && (
        <ul className="why">
          {value!.why!.map(({ part, kind, text, since }, i) => (
            <li key={i}><b>{part} {kind}</b> {text}{since && <span className="faint"> since {clock(Date.parse(since) / 1000)}</span>}</li>
          ))}
        </ul>
      )}
    </section>
  );
}
