// A board, its variables, the time range.
import { useCallback, useEffect, useState } from 'preact/hooks';
import { Board } from '../Board';
import { Several, TimeRange } from '../controls';
import { Frame } from '../Frame';
import type { Range } from '../model';
import { json } from '../server';
import { useAddress } from '../state';
import { useBoard } from '../useBoard';
import { chosable, chosenOf } from '../variables';

const MAIN = 'ingest-api'; // the default board
const intervals = ['off', '5s', '10s', '30s', '1m', '5m'];

export function BoardsPage() {
  const [state, change] = useAddress();
  const [boards, setBoards] = useState<Array<{ uid: string; title: string }>>([]);
  const shown = useBoard({ ...state, uid: state.uid || MAIN });
  const { board, from, refresh, range } = shown;

  useEffect(() => {
    json<Array<{ uid: string; title: string }>>('/api/dashboards')
      .then((found) => {
        setBoards(found);
        if (!state.uid && found.length) change({ uid: (found.find((b) => b.uid === MAIN) ?? found[0]!).uid });
      })
      .catch(() => undefined); // useBoard says what is wrong
  }, []);

  const onZoom = useCallback((to: Range) => change({ from: String(Math.round(to.from * 1000)), to: String(Math.round(to.to * 1000)) }), [change]);
  const onPanel = useCallback((panel: number) => change({ panel }), [change]);

  const tools = (
    <>
      <label className="select">
        <span>Dashboard</span>
        <select value={state.uid} onChange={(event) => change({ uid: event.currentTarget.value, choices: {}, panel: 0 })}>
          {boards.map(({ uid, title }) => <option key={uid} value={uid}>{title}</option>)}
        </select>
      </label>
      <span className="spring" />
      <TimeRange from={from} to={state.to} range={range} onChange={(a, b) => change({ from: a, to: b })} />
      <button type="button" onClick={shown.again}>Refresh</button>
      <label className="select">
        <span>every</span>
        <select value={refresh} onChange={(event) => change({ refresh: event.currentTarget.value })}>
          {[...new Set([...intervals, refresh])].map((one) => <option key={one}>{one}</option>)}
        </select>
      </label>
    </>
  );
  const choices = board && chosable(board).map((variable) => (
    <Several
      key={variable.name}
      label={variable.label ?? variable.name}
      values={shown.lists[variable.name] ?? []}
      chosen={chosenOf(variable, state.choices)}
      onChange={(chosen) => change({ choices: { ...state.choices, [variable.name]: chosen } })}
    />
  ));
  return (
    <Frame
      title={board?.title ?? 'Dashboards'}
      here="Dashboards"
      theme={state.theme}
      onTheme={() => change({ theme: state.theme === 'dark' ? 'light' : 'dark' })}
      asOf={shown.health.asOf}
      trouble={shown.trouble}
      tools={tools}
      choices={choices}
    >
      {board && <Board {...shown} board={board} choices={state.choices} theme={state.theme} panel={state.panel} onZoom={onZoom} onPanel={onPanel} />}
    </Frame>
  );
}
