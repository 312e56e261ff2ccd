// One organisation, selected by name: activity, failures, limit usage and alerts. The panel "Each organisation" of the service's dashboard links here.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { board } from './board';
import { graph, list, row, sel, single } from './panels';
import { named, ofJob, organisation, organisationVariable, rate, share } from './service/queries';

const last15m = (name: string, more = '', by = ''): string => `sum${by} (${ofJob(`organisation:${name}:increase15m`, `${organisation}${more}`)})`;
const failed = ', success="false"';
const imports = ', action=~"imported|rejected"';

export function oneOrganisation(): dashboard.Dashboard {
  const b = board({
    uid: 'organisation',
    title: 'Organisation',
    description: 'The selected organisations of ingest-api: imports, drafts, e-mails, limits, alerts.',
    tags: ['promc', 'prospectflow', 'ingest-api'],
    anchor: 'ingest_api_build_info',
    job: 'ingest-api',
    deploy: 'ingest_api_build_info',
    variables: [organisationVariable()],
  });
  b.withRow(row('Last 15 minutes'));
  tiles(b);
  b.withPanel(
    list({
      title: 'Active alerts of the organisation',
      description: 'Firing and pending alerts with this organisation_id, critical first, then by age.',
      unit: 'dateTimeFromNow',
      width: 24,
      height: 6,
      queries: [
        {
          expr: named(`1000 * ALERTS_FOR_STATE{job=~"$job|", ${organisation}} * ignoring (alertstate) group_right () ALERTS{job=~"$job|", ${organisation}}`),
          instant: true,
          format: 'table' as never,
        },
      ],
      hide: ['__name__', 'cluster', 'environment'],
      rename: { alertname: 'alert', alertstate: 'state', Value: 'since', name: 'organisation', organisation_id: 'id' },
      links: { alert: '/d/ingest-api/incident?alert=${__value.text}&label-organisation_id=${__data.fields.id}' },
      order: ['severity', 'alertname', 'alertstate', 'Value', 'name', 'component', 'organisation_id', 'job'],
      sort: [{ by: 'severity' }, { by: 'since' }],
      noValue: 'no active alerts',
    }),
  );
  b.withRow(row('Activity'));
  graphs(b);
  return b.build();
}

function tiles(b: dashboard.DashboardBuilder): void {
  const part = (title: string, description: string, expr: string, at: number, noValue: string) =>
    b.withPanel(single({ title, description, unit: 'percentunit', width: 4, queries: [{ expr, legend: title }], levels: [{ at, color: 'red' }], noValue }));
  const figure = (title: string, description: string, expr: string, noValue: string) =>
    b.withPanel(single({ title, description, unit: 'short', width: 4, decimals: 0, base: 'blue', queries: [{ expr, legend: title }], noValue }));
  part('E-mails failing', 'Share of the e-mails of the last 15 minutes that could not be sent. OrganisationEmailsFailing warns above 20 %.', share(last15m('emails_sent', failed), last15m('emails_sent')), 0.2, 'none sent');
  part('Drafts failing', 'Share of the drafts of the last 15 minutes that could not be rendered. OrganisationDraftsFailing warns above 50 %.', share(last15m('drafts_generated', failed), last15m('drafts_generated')), 0.5, 'none rendered');
  part('Rows rejected', 'Share of the imported rows of the last 15 minutes that were rejected. OrganisationRowsRejected warns above 50 %.', share(last15m('prospects_processed', ', action="rejected"'), last15m('prospects_processed', imports)), 0.5, 'none imported');
  figure('E-mails in 15 min', 'E-mails sent and failed in the last 15 minutes.', last15m('emails_sent'), 'none');
  figure('Rows in 15 min', 'Rows imported and rejected in the last 15 minutes.', last15m('prospects_processed', imports), 'none');
  figure('Active campaigns', 'Campaigns started and not yet completed.', `sum(max by (organisation_id) (active_campaigns${sel(organisation)}))`, 'none');
}

function graphs(b: dashboard.DashboardBuilder): void {
  b.withPanel(
    graph({
      title: 'E-mails',
      description: 'E-mails sent and failed per hour, at the rate of the last 15 minutes. OrganisationEmailsStalled fires if none is sent while campaigns are active.',
      unit: 'short',
      width: 12,
      queries: [{ expr: `4 * ${last15m('emails_sent', '', ' by (success)')}`, legend: 'success={{success}}' }],
      noValue: 'none sent',
    }),
  )
    .withPanel(
      graph({
        title: 'Drafts',
        description: 'Drafts per second by success. A template with a field that the prospects lack fails for each of them.',
        unit: 'suffix: /s',
        width: 12,
        queries: [{ expr: rate('drafts_generated_total', 'success', organisation), legend: 'success={{success}}' }],
        noValue: 'none rendered',
      }),
    )
    .withPanel(
      graph({
        title: 'Rows and prospects',
        description: 'Prospects per second. imported and rejected count rows of imports; validated and researched count what workers do afterwards.',
        unit: 'suffix: /s',
        width: 12,
        queries: [{ expr: rate('prospects_processed_total', 'action', organisation), legend: '{{action}}' }],
        noValue: 'none imported',
      }),
    )
    .withPanel(
      graph({
        title: 'Limit usage',
        description: 'Usage of each limit. OrganisationNearLimit warns above 90 %; at 100 % requests get 409 or 429 (OrganisationAtLimit).',
        unit: 'percentunit',
        width: 12,
        queries: [{ expr: `max by (limit) (organisation_limit_used${sel(organisation)}) / on (limit) (max by (limit) (organisation_limit_max${sel()}) > 0)`, legend: '{{limit}}' }],
        levels: [{ at: 0.9, color: 'orange' }],
        noValue: 'no organisation yet',
      }),
    );
}
