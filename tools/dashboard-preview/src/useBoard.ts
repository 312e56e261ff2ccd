// Loads a board and what its queries need: the time range, the values of its variables, the refresh.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Choices, Dashboard, Range } from './model';
import { duration, scrapeInterval, setPatience } from './prometheus';
import { json } from './server';
import { type Lists, options, seconds } from './variables';
import { type Health, useHealth } from './watch';

export interface Asked {
  uid: string;
  /** '': the board's default */
  from: string;
  to: string;
  refresh: string;
  choices: Choices;
}

export interface Shown {
  board?: Dashboard;
  from: string;
  refresh: string;
  lists: Lists;
  scrape: number;
  range: Range;
  turn: number;
  health: Health;
  trouble: string;
  /** refresh now */
  again: () => void;
}

/** ms until loading a board is tried again */
const RETRY = 5000;

export function useBoard({ uid, from: asked, to, refresh: wanted, choices }: Asked): Shown {
  const [board, setBoard] = useState<Dashboard>();
  const [lists, setLists] = useState<Lists>({});
  const [scrape, setScrape] = useState(15);
  const [trouble, setTrouble] = useState('');
  const [turn, setTurn] = useState(0);
  const newest = useRef(0); // when the board was loaded, or the values in `lists` were asked for: an older answer may come later

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let left = false;
    const load = (): void => {
      json<Dashboard>(`/api/dashboards/${encodeURIComponent(uid)}`)
        .then((found) => {
          if (left) return;
          setBoard(found);
          setLists({});
          newest.current = performance.now();
          setTrouble('');
        })
        .catch((error: Error) => {
          if (left) return;
          setTrouble(error.message);
          timer = setTimeout(load, RETRY); // the server may be restarting
        });
    };
    load();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [uid]);

  const from = asked || board?.time?.from || 'now-1h';
  const refresh = wanted || board?.refresh || '30s';
  const every = refresh === 'off' ? 0 : duration(refresh);
  const health = useHealth(every || 15, Math.max(60, 4 * scrape));
  const range = useMemo<Range>(() => {
    const now = Date.now() / 1000;
    return { from: seconds(from, now), to: seconds(to, now) };
  }, [from, to, turn, uid]);

  useEffect(() => {
    setPatience(every ? every * 1000 : Infinity);
    if (!every) return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && setTurn((t) => t + 1), every * 1000);
    return () => clearInterval(timer);
  }, [every]);

  useEffect(() => {
    if (!board) return;
    const asked = performance.now();
    Promise.all([options(board, choices, range), scrapeInterval()])
      .then(([found, interval]) => {
        if (asked < newest.current) return;
        newest.current = asked;
        setLists((before) => (JSON.stringify(before) === JSON.stringify(found) ? before : found));
        setScrape(interval);
      })
      .catch(() => undefined); // useHealth says what is wrong
  }, [board, choices, range]);

  return { board, from, refresh, lists, scrape, range, turn, health, trouble: trouble || health.trouble, again: () => setTurn((t) => t + 1) };
}
