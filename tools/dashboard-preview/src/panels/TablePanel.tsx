// A table of label sets: one row a series, columns as the panel's transformation names them.
import { useMemo } from 'react';
import { createDataFrame, FieldType, getDisplayProcessor } from '@grafana/data';
import { Table, useTheme2 } from '@grafana/ui';
import type { Panel, Target } from '../model';
import type { Series } from '../prometheus';

export function TablePanel({ panel, answers, width, height }: { panel: Panel; answers: Array<[Target, Series[]]>; width: number; height: number }) {
  const theme = useTheme2();
  const frame = useMemo(() => {
    const organize = panel.transformations?.find((t) => t.id === 'organize')?.options ?? {};
    const rows = answers.flatMap(([, series]) => series.map(({ labels, points }) => ({ ...labels, Value: points.at(-1)?.[1] ?? null })));
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !organize.excludeByName?.[name]);
    const made = createDataFrame({
      fields: names.map((name) => ({
        name: organize.renameByName?.[name] ?? name,
        type: name === 'Value' ? FieldType.number : FieldType.string,
        values: rows.map((row) => (row as Record<string, unknown>)[name] ?? ''),
        config: { custom: {} },
      })),
    });
    for (const field of made.fields) field.display = getDisplayProcessor({ field, theme });
    return made;
  }, [panel, answers, theme]);
  return <Table data={frame} width={width} height={height} />;
}
