// What the service is for, and for whom. Shares of e-mails, drafts and rows are those of the last 15 minutes that the alerts read.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { graph, list, row, sel, single } from '../panels';
import { named, ofJob, organisation, quantiles, rate, share } from './queries';

const emails = (more: string, by = ''): string => `sum${by} (${ofJob('organisation:emails_sent:increase15m', more)})`;
const drafts = (more: string, by = ''): string => `sum${by} (${ofJob('organisation:drafts_generated:increase15m', more)})`;
const rows = (more: string, by = ''): string => `sum${by} (${ofJob('organisation:prospects_processed:increase15m', more)})`;
const of = (more: string): string => `${organisation}, ${more}`;
const rejected = 'action="rejected"';
const imports = 'action=~"imported|rejected"';
const bounced = (which: string): string => `sum(increase(email_bounces_total${sel(which)}[15m]))`;

function tiles(b: dashboard.DashboardBuilder): void {
  b.withRow(row('Business'))
    .withPanel(
      single({
        title: 'E-mails failing',
        description: 'Share of the e-mails of the last 15 minutes that could not be sent. EmailSendingFailures warns above 5 %.',
        unit: 'percentunit',
        queries: [{ expr: share(emails(of('success="false"')), emails(organisation)), legend: 'failed' }],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'none sent',
      }),
    )
    .withPanel(
      single({
        title: 'Drafts failing',
        description: 'Share of the drafts of the last 15 minutes that could not be rendered; a missing field fails one. HighDraftFailureRate warns above 10 %.',
        unit: 'percentunit',
        queries: [{ expr: share(drafts(of('success="false"')), drafts(organisation)), legend: 'failed' }],
        levels: [{ at: 0.1, color: 'red' }],
        noValue: 'none made',
      }),
    )
    .withPanel(
      single({
        title: 'Rows rejected',
        description: 'Share of the imported rows of the last 15 minutes that were rejected (OrganisationRowsRejected, by organisation).',
        unit: 'percentunit',
        queries: [{ expr: share(rows(of(rejected)), rows(of(imports))), legend: 'rejected' }],
        levels: [{ at: 0.5, color: 'red' }],
        noValue: 'none imported',
      }),
    )
    .withPanel(
      single({
        title: 'Thrown away in 1 h',
        description: 'E-mails of the last hour that were not sent and never will be, with nothing handed over; "Thrown away" says why.',
        unit: 'short',
        decimals: 0,
        queries: [{ expr: `sum(increase(emails_not_sent_total${sel()}[1h]))`, legend: 'thrown away' }],
        levels: [{ at: 1, color: 'orange' }],
      }),
    )
    .withPanel(
      single({
        title: 'Bounced for good',
        description: 'Refusals for good as a share of the e-mails of the last 15 minutes, of all organisations. EmailHardBounces warns above 5 %.',
        unit: 'percentunit',
        queries: [{ expr: share(bounced('class="5xx"'), emails('')), legend: 'bounced' }],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'none sent',
      }),
    )
    .withPanel(
      single({
        title: 'Active campaigns',
        description: 'Campaigns that are started and not yet complete, of the chosen organisations.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `sum(max by (organisation_id) (active_campaigns${sel(organisation)}))`, legend: 'active' }],
        noValue: 'none',
      }),
    )
    .withPanel(
      single({
        title: 'Completed in 1 h',
        description: 'Campaigns that came to their end in the last hour.',
        unit: 'short',
        base: 'blue',
        decimals: 0,
        queries: [{ expr: `sum(increase(campaigns_processed_total${sel(organisation)}[1h]))`, legend: 'completed' }],
        noValue: 'none',
      }),
    )
    .withPanel(
      single({
        title: 'Organisations',
        description: 'Organisations of which the service has counted anything.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `count(count by (organisation_id) (${ofJob('organisation:prospects_processed:increase15m', organisation)}))`, legend: 'organisations' }],
        noValue: 'none',
      }),
    );
}

export function business(b: dashboard.DashboardBuilder): void {
  tiles(b);
  b.withPanel(
    graph({
      title: 'E-mails per hour',
      description: 'E-mails sent and failed per hour, at the rate of the last 15 minutes. None while campaigns are active: EmailsStalled.',
      unit: 'short',
      queries: [{ expr: `4 * ${emails(organisation, ' by (success)')}`, legend: 'success={{success}}' }],
      noValue: 'none sent',
    }),
  )
    .withPanel(
      graph({
        title: 'Thrown away',
        description: 'E-mails per hour that were not sent and never will be, by why: not sent because the campaign is completed, because the prospect is invalid, because there is no draft. They are not in "E-mails failing": nothing was tried.',
        unit: 'short',
        queries: [{ expr: `${rate('emails_not_sent_total', 'reason')} * 3600`, legend: 'not sent: {{reason}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Prospects',
        description: 'Prospects per second: imported and rejected are the rows of imports; validated and researched are done later by the workers.',
        unit: 'suffix: /s',
        stack: true,
        queries: [{ expr: rate('prospects_processed_total', 'action', organisation), legend: '{{action}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Draft generation time',
        description: 'p50, p95, p99 of the time to render one draft.',
        unit: 's',
        queries: quantiles('draft_generation_duration_seconds'),
      }),
    )
    .withPanel(
      graph({
        title: 'E-mails refused',
        description: 'Refusals by mail servers per hour, of all organisations: 4xx for now, 5xx for good; address and mailbox are the list\'s fault, policy is about us as a sender.',
        unit: 'short',
        queries: [{ expr: `${rate('email_bounces_total', 'class, subject')} * 3600`, legend: '{{class}} {{subject}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Bounce rate',
        description: 'Refusals for good, and those by policy, as a share of all e-mails of all organisations in 15 minutes. The dashed line is EmailHardBounces (5 %); EmailRefusedByPolicy warns above 0.3 %.',
        unit: 'percentunit',
        queries: [
          { expr: share(bounced('class="5xx"'), emails('')), legend: 'for good' },
          { expr: share(bounced('subject="policy"'), emails('')), legend: 'by policy' },
        ],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'none sent',
      }),
    )
    .withPanel(
      graph({
        title: 'Fates of e-mails',
        description: 'E-mails per hour by what became of them: accepted, refused_recipient and skipped are final; refused_sender is tried again when the campaign goes on, in_doubt waits for a person.',
        unit: 'short',
        queries: [{ expr: `${rate('email_fates_total', 'fate')} * 3600`, legend: '{{fate}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Tries to hand over',
        description: 'Tries per hour to hand an e-mail to the mail server, by what came of each: deferred is a 4xx, tried again over days; unavailable, there was no answer.',
        unit: 'short',
        queries: [{ expr: `${rate('email_attempts_total', 'outcome')} * 3600`, legend: '{{outcome}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'For a person to decide',
        description: 'E-mails that may have been sent (EmailsInDoubt), and campaigns paused because the mail server refuses their sender (CampaignSenderRefused).',
        unit: 'short',
        queries: [
          { expr: `max(emails_in_doubt${sel()})`, legend: 'e-mails in doubt' },
          { expr: `max(campaigns_refused${sel()})`, legend: 'campaigns whose sender is refused' },
        ],
        levels: [{ at: 1, color: 'orange' }],
      }),
    )
    .withPanel(
      graph({
        title: 'No longer written to',
        description: 'Addresses per hour that nobody is to write to any more, by why: they unsubscribed, there is no such mailbox, an import or the API said so.',
        unit: 'short',
        queries: [{ expr: `${rate('suppressions_total', 'reason')} * 3600`, legend: '{{reason}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Limits of organisations',
        description: 'The fullest organisation as a share of its limit, by limit. OrganisationNearLimit warns above 90 %; at 100 % it gets 409 or 429 (OrganisationAtLimit).',
        unit: 'percentunit',
        queries: [{ expr: `max by (limit) (organisation_limit_used${sel(organisation)}) / on (limit) (max by (limit) (organisation_limit_max${sel()}) > 0)`, legend: '{{limit}}' }],
        levels: [{ at: 0.9, color: 'orange' }],
        noValue: 'no organisation yet',
      }),
    )
    .withPanel(
      graph({
        title: 'Room for the data',
        description: 'Free on the file system of DATA_DIR. DataDirNearlyFull warns before it is full.',
        unit: 'bytes',
        queries: [{ expr: `min by (instance) (data_dir_free_bytes${sel()})`, legend: '{{instance}}' }],
      }),
    );
}

/** A row each: one organisation that fails alone is a small share of all. */
export function organisations(b: dashboard.DashboardBuilder): void {
  const by = ' by (organisation_id)';
  const columns: [string, string, string][] = [
    ['e-mails failing', 'percentunit', share(emails(of('success="false"'), by), emails(organisation, by))],
    ['drafts failing', 'percentunit', share(drafts(of('success="false"'), by), drafts(organisation, by))],
    ['rows rejected', 'percentunit', share(rows(of(rejected), by), rows(of(imports), by))],
    ['e-mails', 'short', emails(organisation, by)],
    ['drafts', 'short', drafts(organisation, by)],
    ['rows', 'short', named(rows(of(imports), by))],
    ['active campaigns', 'short', `max${by} (active_campaigns${sel(organisation)})`],
  ];
  const value = (i: number): string => `Value #${'ABCDEFGHIJ'[i]}`;
  b.withRow(row('Organisations'))
    .withPanel(
      list({
        title: 'Each organisation',
        description: 'What each organisation did in the last 15 minutes, the one with most failing e-mails first: what OrganisationEmailsFailing (20 %), OrganisationDraftsFailing (50 %) and OrganisationRowsRejected (50 %) read.',
        unit: 'short',
        decimals: 0,
        width: 24,
        height: 9,
        queries: columns.map(([, , expr]) => ({ expr, instant: true, format: 'table' as never })),
        join: 'organisation_id',
        links: { organisation: '/d/organisation?var-organisation_id=${__data.fields.id}' },
        rename: { name: 'organisation', organisation_id: 'id', ...Object.fromEntries(columns.map(([name], i) => [value(i), name])) },
        order: ['name', ...columns.map((_, i) => value(i)), 'organisation_id'],
        hide: columns.slice(1).map((_, i) => `Time ${i + 2}`).concat('Time 1'),
        units: Object.fromEntries(columns.map(([name, unit]) => [name, unit])),
        sort: ['e-mails failing', 'drafts failing', 'rows rejected', 'e-mails'].map((name) => ({ by: name, desc: true })),
        noValue: 'no organisation yet',
      }),
    )
    .withPanel(
      graph({
        title: 'Drafts by organisation',
        description: 'Drafts per second by organisation and success: one organisation failing alone is seen here (OrganisationDraftsFailing).',
        unit: 'suffix: /s',
        width: 24,
        height: 9,
        queries: [
          { expr: named(rate('drafts_generated_total', 'organisation_id, success', organisation)), legend: '{{name}} success={{success}}' },
        ],
      }),
    );
}
