// One number, or a bar each: Grafana's BigValue and BarGauge.
import { FieldType, VizOrientation, type Field } from '@grafana/data';
import { BarGauge, BigValue, BigValueColorMode, BigValueGraphMode, BigValueTextMode, useTheme2 } from '@grafana/ui';
import { BarGaugeDisplayMode } from '@grafana/schema';
import { fieldConfig, type Single } from '../frames';
import type { Panel } from '../model';

interface Props {
  panel: Panel;
  values: Single[];
  width: number;
  height: number;
}

const display = (single: Single, title?: string) => ({
  ...single.field.display!(single.value),
  title: title ?? single.name,
});

export function StatPanel({ panel, values, width, height }: Props) {
  const theme = useTheme2();
  const each = width / Math.max(1, values.length);
  const graph = panel.options?.graphMode !== 'none';
  return (
    <div className="stats">
      {values.map((single) => {
        const x: Field = { name: 'Time', type: FieldType.time, values: single.times, config: {} };
        return (
          <BigValue
            key={single.name}
            width={each}
            height={height}
            theme={theme}
            value={display(single, values.length > 1 ? single.name : '')}
            colorMode={BigValueColorMode.Value}
            graphMode={graph && single.times.length > 1 ? BigValueGraphMode.Area : BigValueGraphMode.None}
            textMode={values.length > 1 ? BigValueTextMode.ValueAndName : BigValueTextMode.Value}
            sparkline={graph && single.times.length > 1 ? { x, y: single.field } : undefined}
          />
        );
      })}
    </div>
  );
}

export function BarGaugePanel({ panel, values, width, height }: Props) {
  const theme = useTheme2();
  const largest = Math.max(0, ...values.map((single) => single.value ?? 0));
  const each = Math.min(48, Math.max(24, height / Math.max(1, values.length) - 6));
  return (
    <div className="bars" style={{ height }}>
      {values.map((single) => (
        <BarGauge
          key={single.name}
          width={width}
          height={each}
          theme={theme}
          field={{ ...fieldConfig(panel), min: 0, max: panel.fieldConfig?.defaults.max ?? (largest || 1) }}
          display={single.field.display}
          value={display(single)}
          orientation={VizOrientation.Horizontal}
          displayMode={BarGaugeDisplayMode.Basic}
          showUnfilled
          itemSpacing={6}
        />
      ))}
    </div>
  );
}
