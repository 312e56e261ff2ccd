// Silence an alert for a while, with a reason; end a silence.
import { useState } from 'preact/hooks';
import { clock } from './clock';
import { type Alert, json, type Silence, telling } from './server';

const times: Array<[number, string]> = [[30, '30 minutes'], [60, '1 hour'], [240, '4 hours'], [720, '12 hours'], [1440, '1 day']];

export function SilenceForm({ alert, onDone }: { alert: Alert; onDone: () => void }) {
  const [open, setOpen] = useState(false);
  const [trouble, setTrouble] = useState('');
  const own = telling(alert.labels);
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const labels = form.get('which') === 'all' ? { alertname: alert.name } : alert.labels;
    try {
      await json('/api/silences', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ labels, minutes: Number(form.get('minutes')), comment: form.get('comment'), by: form.get('by') }),
      });
      setOpen(false);
      setTrouble('');
      onDone();
    } catch (error) {
      setTrouble((error as Error).message);
    }
  };
  if (!open) return <button type="button" onClick={() => setOpen(true)}>Silence {alert.name}…</button>;
  return (
    <form className="silence" onSubmit={send}>
      {own.length > 0 && (
        <label className="select">
          Alerts
          <select name="which"><option value="one">this one ({own.map(([, value]) => value).join(', ').slice(0, 60)})</option><option value="all">every {alert.name}</option></select>
        </label>
      )}
      <label className="select">For <select name="minutes">{times.map(([minutes, text]) => <option key={minutes} value={minutes} selected={minutes === 60}>{text}</option>)}</select></label>
      <label className="select">Reason <input type="text" name="comment" required size={28} ref={(element) => element?.focus()} /></label>
      <label className="select">Your name <input type="text" name="by" size={12} autocomplete="username" /></label>
      <button type="submit">Silence</button>
      <button type="button" onClick={() => setOpen(false)}>Cancel</button>
      {trouble && <p role="alert" className="bad">{trouble}</p>}
    </form>
  );
}

export function Silences({ silences, onDone }: { silences: Silence[]; onDone: () => void }) {
  const [trouble, setTrouble] = useState('');
  const end = (id: string) => json(`/api/silences/${id}`, { method: 'DELETE' }).then(onDone, (error: Error) => setTrouble(error.message));
  return (
    <ul className="silences">
      {silences.map(({ id, matchers, comment, createdBy, endsAt }) => (
        <li key={id}>
          Silenced until {clock(Date.parse(endsAt) / 1000, false)}: {matchers.map(({ name, value, isRegex, isEqual }) => `${name}${isEqual === false ? '!' : ''}${isRegex ? '=~' : '='}${value}`).join(', ')}
          <span className="faint"> · {comment} ({createdBy}) </span>
          <button type="button" onClick={() => end(id)}>End silence</button>
        </li>
      ))}
      {trouble && <li role="alert" className="bad">{trouble}</li>}
    </ul>
  );
}
