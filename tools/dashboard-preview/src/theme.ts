// Dark or light, as the address says.
import { useState } from 'preact/hooks';
import type { Theme } from './colors';

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(new URLSearchParams(location.search).get('theme') === 'light' ? 'light' : 'dark');
  const turn = () => {
    const next = theme === 'dark' ? 'light' : 'dark';
    const url = new URL(location.href);
    if (next === 'light') url.searchParams.set('theme', next);
    else url.searchParams.delete('theme');
    history.replaceState(null, '', url);
    setTheme(next);
  };
  return [theme, turn];
}
