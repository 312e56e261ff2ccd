// One organisation: what it does, what fails, how near its limits it is, and the alerts about it. Chosen by its name; a link of the service's board
// ("Each organisation") leads here.
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
    description: 'One organisation of ingest-api, or those that are chosen: imports, drafts, e-mails, limits, alerts.',
    tags: ['promc', 'prospectflow', 'ingest-api'],
    anchor: 'ingest_api_build_info',
    job: 'ingest-api',
    deploy: 'ingest_api_build_info',
    variables: [organisationVariable()],
  });
  b.withRow(row('Now'));
  tiles(b);
  b.withPanel(
    list({
      title: 'Alerts about it',
      description: 'Firing and pending alerts that name the organisation, the critical ones first, then the longest.',
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
      noValue: 'no alert names it',
    }),
  );
  b.withRow(row('What it does'));
  graphs(b);
  return b.build();
}

function tiles(b: dashboard.DashboardBuilder): void {
  const part = (title: string, description: string, expr: string, at: number, noValue: string) =>
    b.withPanel(single({ title, description, unit: 'percentunit', width: 4, queries: [{ expr, legend: title }], levels: [{ at, color: 'red' }], noValue }));
  const figure = (title: string, description: string, expr: string, noValue: string) =>
    b.withPanel(single({ title, description, unit: 'short', width: 4, decimals: 0, base: 'blue', queries: [{ expr, legend: title }], noValue }));
  part('E-mails failing', 'Share of its e-mails of the last 15 minutes that could not be sent. OrganisationEmailsFailing warns above 20 %.', share(last15m('emails_sent', failed), last15m('emails_sent')), 0.2, 'none sent');
  part('Drafts failing', 'Share of its drafts of the last 15 minutes that could not be rendered. OrganisationDraftsFailing warns above 50 %.', share(last15m('drafts_generated', failed), last15m('drafts_generated')), 0.5, 'none made');
  part('Rows rejected', 'Share of its imported rows of the last 15 minutes that were rejected. OrganisationRowsRejected warns above 50 %.', share(last15m('prospects_processed', ', action="rejected"'), last15m('prospects_processed', imports)), 0.5, 'none imported');
  figure('E-mails in 15 min', 'E-mails of the last 15 minutes, sent and failed.', last15m('emails_sent'), 'none');
  figure('Rows in 15 min', 'Rows of imports of the last 15 minutes, imported and rejected.', last15m('prospects_processed', imports), 'none');
  figure('Campaigns at work', 'Campaigns that are started and not yet complete.', `sum(max by (organisation_id) (active_campaigns${sel(organisation)}))`, 'none');
}

function graphs(b: dashboard.DashboardBuilder): void {
  b.withPanel(
    graph({
      title: 'E-mails',
      description: 'E-mails sent and failed per hour, at the rate of the last 15 minutes. None while campaigns are at work: OrganisationEmailsStalled.',
      unit: 'short',
      width: 12,
      queries: [{ expr: `4 * ${last15m('emails_sent', '', ' by (success)')}`, legend: 'success={{success}}' }],
      noValue: 'none sent',
    }),
  )
    .withPanel(
      graph({
        title: 'Drafts',
        description: 'Drafts per second by success: a template that asks for a field which the prospects lack fails each of them.',
        unit: 'suffix: /s',
        width: 12,
        queries: [{ expr: rate('drafts_generated_total', 'success', organisation), legend: 'success={{success}}' }],
        noValue: 'none made',
      }),
    )
    .withPanel(
      graph({
        title: 'Rows and prospects',
        description: 'Imported and rejected are the rows of its imports; validated and researched are done later by the workers. Per second.',
        unit: 'suffix: /s',
        width: 12,
        queries: [{ expr: rate('prospects_processed_total', 'action', organisation), legend: '{{action}}' }],
        noValue: 'none imported',
      }),
    )
    .withPanel(
      graph({
        title: 'Against its limits',
        description: 'What it uses of each limit. OrganisationNearLimit warns above 90 %; at 100 % it gets 409 or 429 (OrganisationAtLimit).',
        unit: 'percentunit',
        width: 12,
        queries: [{ expr: `max by (limit) (organisation_limit_used${sel(organisation)}) / on (limit) (max by (limit) (organisation_limit_max${sel()}) > 0)`, legend: '{{limit}}' }],
        levels: [{ at: 0.9, color: 'orange' }],
        noValue: 'no organisation yet',
      }),
    );
}
