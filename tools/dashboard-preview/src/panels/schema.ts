export { LegendDisplayMode } from '@grafana/schema';
/** How a click on the legend came about; Grafana's own enum is not a value export. */
export const GraphNGLegendEventMode = { ToggleSelection: 'select', AppendToSelection: 'append' } as const;
