// Business metrics, in total and by organisation. Shares of e-mails, drafts and rows cover the last 15 minutes, as in the alerts.
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
        description: 'Share of the drafts of the last 15 minutes that could not be rendered, for example because a field is missing. HighDraftFailureRate warns above 10 %.',
        unit: 'percentunit',
        queries: [{ expr: share(drafts(of('success="false"')), drafts(organisation)), legend: 'failed' }],
        levels: [{ at: 0.1, color: 'red' }],
        noValue: 'none rendered',
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
        title: 'Not sent in 1 h',
        description: 'E-mails of the last hour that were skipped without a delivery attempt. "E-mails not sent" shows the reasons.',
        unit: 'short',
        decimals: 0,
        queries: [{ expr: `sum(increase(emails_not_sent_total${sel()}[1h]))`, legend: 'not sent' }],
        levels: [{ at: 1, color: 'orange' }],
      }),
    )
    .withPanel(
      single({
        title: 'Hard bounces',
        description: 'Permanent refusals (5xx) as a share of the e-mails of the last 15 minutes, over all organisations. EmailHardBounces warns above 5 %.',
        unit: 'percentunit',
        queries: [{ expr: share(bounced('class="5xx"'), emails('')), legend: 'bounced' }],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'none sent',
      }),
    )
    .withPanel(
      single({
        title: 'Active campaigns',
        description: 'Campaigns started and not yet completed, of the selected organisations.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `sum(max by (organisation_id) (active_campaigns${sel(organisation)}))`, legend: 'active' }],
        noValue: 'none',
      }),
    )
    .withPanel(
      single({
        title: 'Completed in 1 h',
        description: 'Campaigns completed in the last hour.',
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
        description: 'Organisations with at least one counted prospect.',
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
      description: 'E-mails sent and failed per hour, at the rate of the last 15 minutes. EmailsStalled fires if none is sent while campaigns are active.',
      unit: 'short',
      queries: [{ expr: `4 * ${emails(organisation, ' by (success)')}`, legend: 'success={{success}}' }],
      noValue: 'none sent',
    }),
  )
    .withPanel(
      graph({
        title: 'E-mails not sent',
        description: 'E-mails per hour that were skipped without a delivery attempt, by reason, such as a completed campaign, an invalid prospect or a missing draft. They do not count in "E-mails failing".',
        unit: 'short',
        queries: [{ expr: `${rate('emails_not_sent_total', 'reason')} * 3600`, legend: '{{reason}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Prospects',
        description: 'Prospects per second. imported and rejected count rows of imports; validated and researched count what workers do afterwards.',
        unit: 'suffix: /s',
        stack: true,
        queries: [{ expr: rate('prospects_processed_total', 'action', organisation), legend: '{{action}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Draft generation time',
        description: 'p50, p95 and p99 of the time to render a draft.',
        unit: 's',
        queries: quantiles('draft_generation_duration_seconds'),
      }),
    )
    .withPanel(
      graph({
        title: 'E-mails refused',
        description: 'Refusals by mail servers per hour, over all organisations. 4xx is temporary, 5xx permanent. address and mailbox point at the list of recipients, policy at the sender\'s reputation.',
        unit: 'short',
        queries: [{ expr: `${rate('email_bounces_total', 'class, subject')} * 3600`, legend: '{{class}} {{subject}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Bounce rate',
        description: 'Permanent refusals (5xx) and refusals by policy as a share of all e-mails in 15 minutes, over all organisations. The dashed line is EmailHardBounces (5 %); EmailRefusedByPolicy warns above 0.3 %.',
        unit: 'percentunit',
        queries: [
          { expr: share(bounced('class="5xx"'), emails('')), legend: 'permanent' },
          { expr: share(bounced('subject="policy"'), emails('')), legend: 'policy' },
        ],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'none sent',
      }),
    )
    .withPanel(
      graph({
        title: 'E-mail fates',
        description: 'E-mails per hour by fate. accepted, refused_recipient and skipped are final; refused_sender is retried when the campaign resumes; in_doubt needs a decision by an operator.',
        unit: 'short',
        queries: [{ expr: `${rate('email_fates_total', 'fate')} * 3600`, legend: '{{fate}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Delivery attempts',
        description: 'Delivery attempts to the mail server per hour, by outcome. deferred: a 4xx reply, retried over days. unavailable: no answer.',
        unit: 'short',
        queries: [{ expr: `${rate('email_attempts_total', 'outcome')} * 3600`, legend: '{{outcome}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Decisions needed',
        description: 'E-mails that may have been sent (EmailsInDoubt), and campaigns paused because the mail server refuses their sender (CampaignSenderRefused).',
        unit: 'short',
        queries: [
          { expr: `max(emails_in_doubt${sel()})`, legend: 'e-mails in doubt' },
          { expr: `max(campaigns_refused${sel()})`, legend: 'campaigns with refused sender' },
        ],
        levels: [{ at: 1, color: 'orange' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Suppressions',
        description: 'Addresses added to the suppression list per hour, by reason: unsubscribed, no such mailbox, an import or the API.',
        unit: 'short',
        queries: [{ expr: `${rate('suppressions_total', 'reason')} * 3600`, legend: '{{reason}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Highest limit usage',
        description: 'Usage of each limit by the organisation closest to it. OrganisationNearLimit warns above 90 %; at 100 % its requests get 409 or 429 (OrganisationAtLimit).',
        unit: 'percentunit',
        queries: [{ expr: `max by (limit) (organisation_limit_used${sel(organisation)}) / on (limit) (max by (limit) (organisation_limit_max${sel()}) > 0)`, legend: '{{limit}}' }],
        levels: [{ at: 0.9, color: 'orange' }],
        noValue: 'no organisation yet',
      }),
    )
    .withPanel(
      graph({
        title: 'Free disk space',
        description: 'Free space on the file system of DATA_DIR. DataDirNearlyFull warns before it is full.',
        unit: 'bytes',
        queries: [{ expr: `min by (instance) (data_dir_free_bytes${sel()})`, legend: '{{instance}}' }],
      }),
    );
}

/** One row for each organisation: a single failing organisation is a small share of the total. */
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
        description: 'Activity by organisation in the last 15 minutes, most failing e-mails first. OrganisationEmailsFailing (20 %), OrganisationDraftsFailing (50 %) and OrganisationRowsRejected (50 %) use these values.',
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
        description: 'Drafts per second by organisation and success. Shows a single organisation that fails (OrganisationDraftsFailing).',
        unit: 'suffix: /s',
        width: 24,
        height: 9,
        queries: [
          { expr: named(rate('drafts_generated_total', 'organisation_id, success', organisation)), legend: '{{name}} success={{success}}' },
        ],
      }),
    );
}
