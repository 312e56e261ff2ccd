// Checks whether Prometheus answers and how old its newest sample is, so that a page with old data says so.
import { useEffect, useState } from 'preact/hooks';
import { clock } from './clock';
import { newest } from './prometheus';

export interface Health {
  /** the time of the newest sample in seconds */
  asOf: number;
  /** what is wrong; '': nothing */
  trouble: string;
}

/** @param every seconds between checks  @param late seconds after which the newest sample counts as old */
export function useHealth(every: number, late: number): Health {
  const [health, setHealth] = useState<Health>({ asOf: 0, trouble: '' });
  useEffect(() => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      try {
        const at = await newest();
        const old = Date.now() / 1000 - at > late;
        setHealth({ asOf: at, trouble: !at ? 'Prometheus answers but has no samples.' : old ? `Prometheus answers but has no sample newer than ${clock(at)}: it is not scraping.` : '' });
      } catch (error) {
        setHealth(({ asOf }) => ({ asOf, trouble: `${(error as Error).message}. ${asOf ? `The data shown is from ${clock(asOf)}.` : 'There is no data to show.'}` }));
      }
      if (!stopped) timer = setTimeout(look, every * 1000);
    };
    look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [every, late]);
  return health;
}
