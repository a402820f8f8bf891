'use strict';
/*
 * A Vendure shop on loopback, started by software.py.
 *
 * Settings arrive as one JSON line on standard input (so that no secret is on a command line or
 * in the environment); a later line `webhook <url>` says where deliveries go from then on.  The
 * process ends when standard input closes, so it never outlives the program that started it.
 * Standard output carries JSON lines for that program:
 *   {"mail": {"to": ..., "token": ...}}   what a shop would e-mail to a new member
 *   {"ready": {"version": ..., "ms": ...}}
 *   {"webhook": url}                      the answer to that line
 *
 * Settings: port, database (file), webhookUrl, secret, adminPassword, cookieSecret, fill (bool).
 */
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

// Before Vendure is loaded: by default it reports every start to its makers.
process.env.VENDURE_DISABLE_TELEMETRY = 'true';

const fromWorkFolder = require('node:module').createRequire(path.join(process.cwd(), 'package.json'));
const vendure = fromWorkFolder('@vendure/core');
const { importProductsFromCsv, populateInitialData } = fromWorkFolder('@vendure/core/cli');

const RETRY_DELAYS_MS = [200, 500, 1000, 2000, 4000];
const REQUEST_TIMEOUT_MS = 10_000;

const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

// ---------------------------------------------------------------------------------- webhooks

/** Posts thin events, signed, one after the other; a delivery keeps its id over all its tries. */
class WebhookSender {
  constructor(url, secret) {
    this.url = url;
    this.secret = secret;
    this.queue = Promise.resolve();
  }

  send(topic, body) {
    if (!this.url) return;
    const raw = JSON.stringify(body);
    const delivery = crypto.randomUUID();
    this.queue = this.queue.then(() => this.deliver(topic, raw, delivery));
  }

  async deliver(topic, raw, delivery) {
    for (const delay of [...RETRY_DELAYS_MS, null]) {
      if (await this.attempt(topic, raw, delivery)) return;
      if (delay !== null) await new Promise((resolve) => setTimeout(resolve, delay));
    }
    console.error(`webhook ${topic} ${delivery} was given up`);
  }

  /** True when the receiver took the delivery or refused it for good. */
  async attempt(topic, raw, delivery) {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const mac = crypto.createHmac('sha256', this.secret).update(`${timestamp}.${raw}`);
    const headers = {
      'content-type': 'application/json',
      'x-renkei-topic': topic,
      'x-renkei-timestamp': timestamp,
      'x-renkei-delivery': delivery,
      'x-renkei-signature': `sha256=${mac.digest('base64')}`,
    };
    try {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      const answer = await fetch(this.url, { method: 'POST', headers, body: raw, signal });
      await answer.arrayBuffer();
      return answer.status < 500 && answer.status !== 429;
    } catch {
      return false;
    }
  }
}

// Which shop events are told to the hub, and the order or customer each one is about.  Vendure
// calls these subscribers only after the transaction which published the event is committed.
const order = (o) => ({ type: 'order', id: String(o.id), code: o.code });
const customer = (c) => ({ type: 'customer', id: String(c.id), code: c.emailAddress });
const transition = (e) => ({ from: e.fromState, to: e.toState });
const TOLD_EVENTS = [
  ['order.placed', vendure.OrderPlacedEvent, (e) => ({ ...order(e.order), ...transition(e) })],
  ['order.state', vendure.OrderStateTransitionEvent, (e) => ({ ...order(e.order), ...transition(e) })],
  ['payment.state', vendure.PaymentStateTransitionEvent, (e) => ({ ...order(e.order), ...transition(e) })],
  ['refund.created', vendure.RefundEvent, (e) => order(e.order)],
  ['refund.state', vendure.RefundStateTransitionEvent, (e) => ({ ...order(e.order), ...transition(e) })],
  ['customer.changed', vendure.CustomerEvent, (e) => ({ ...customer(e.entity), change: e.type })],
  ['account.verified', vendure.AccountVerifiedEvent, (e) => customer(e.customer)],
];

/** A Vendure plugin telling the hub about orders and customers, and the runner about mails. */
class ToldEventsPlugin {
  constructor(bus) {
    this.bus = bus;
  }

  onApplicationBootstrap() {
    for (const [topic, type, describe] of TOLD_EVENTS) {
      this.bus.ofType(type).subscribe((event) => {
        const head = { event: topic, createdAt: event.createdAt.toISOString() };
        ToldEventsPlugin.sender.send(topic, { ...head, ...describe(event) });
      });
    }
    this.bus.ofType(vendure.AccountRegistrationEvent).subscribe((event) => {
      const token = event.user.getNativeAuthenticationMethod().verificationToken;
      tell({ mail: { to: event.user.identifier, token } });
    });
  }
}
Reflect.defineMetadata('design:paramtypes', [vendure.EventBus], ToldEventsPlugin);
vendure.VendurePlugin({ imports: [vendure.PluginCommonModule] })(ToldEventsPlugin);

// ------------------------------------------------------------------------------------- config

/** A card which is charged and paid back at once. */
const testCard = new vendure.PaymentMethodHandler({
  code: 'test-card',
  description: [{ languageCode: vendure.LanguageCode.ja, value: 'テストカード' }],
  args: {},
  createPayment: (_ctx, _order, amount) => ({
    amount,
    state: 'Settled',
    transactionId: `pay-${crypto.randomUUID()}`,
  }),
  settlePayment: () => ({ success: true }),
  createRefund: () => ({ state: 'Settled', transactionId: `refund-${crypto.randomUUID()}` }),
});

/** SQLite has one connection and so one transaction: API requests take turns. */
function takeTurns() {
  let last = Promise.resolve();
  return (_request, response, next) => {
    const closed = new Promise((resolve) => response.once('close', resolve));
    last.then(() => next());
    last = last.then(() => closed);
  };
}

// The balance as the hub last mirrored it: members read it in the shop, only the back office writes it.
const HUB_POINTS = {
  name: 'hubPoints',
  type: 'int',
  nullable: true,
  public: true,
  validate: (_value, _injector, ctx) =>
    ctx.apiType === 'admin' ? undefined : 'hubPoints is written by the back office',
};

/**
 * libsql ships SQLite ready built in npm, but cannot register the `regexp` function Vendure asks for,
 * and takes a null that is the only parameter for parameters by name.
 */
class Database extends fromWorkFolder('libsql') {
  function() {
    return this;
  }

  prepare(sql) {
    const statement = super.prepare(sql);
    for (const name of ['run', 'get', 'all', 'iterate']) {
      const bare = statement[name].bind(statement);
      statement[name] = (...given) => (given.length === 1 && given[0] === null ? bare([null]) : bare(...given));
    }
    return statement;
  }
}

function shopConfig(settings) {
  return {
    defaultLanguageCode: vendure.LanguageCode.ja,
    logger: new vendure.DefaultLogger({ level: vendure.LogLevel.Error, timestamp: false }),
    apiOptions: {
      hostname: '127.0.0.1',
      port: settings.port,
      adminApiPath: 'admin-api',
      shopApiPath: 'shop-api',
      middleware: [{ route: '/', handler: takeTurns(), beforeListen: true }],
    },
    authOptions: {
      tokenMethod: ['bearer'],
      requireVerification: true,
      superadminCredentials: { identifier: 'superadmin', password: settings.adminPassword },
      cookieOptions: { secret: settings.cookieSecret },
    },
    dbConnectionOptions: {
      type: 'better-sqlite3',
      driver: Database,
      database: settings.database,
      synchronize: true,
      logging: false,
    },
    paymentOptions: { paymentMethodHandlers: [testCard] },
    customFields: {
      Customer: [HUB_POINTS],
    },
    plugins: [ToldEventsPlugin],
  };
}

// --------------------------------------------------------------------------------- first fill

const INITIAL_DATA = {
  defaultLanguage: vendure.LanguageCode.ja,
  defaultZone: '日本',
  countries: [{ name: '日本', code: 'JP', zone: '日本' }],
  taxRates: [
    { name: '標準税率', percentage: 10 },
    { name: '軽減税率', percentage: 8 },
  ],
  shippingMethods: [], // made by addShippingMethod: the populator knows no tax on shipping
  paymentMethods: [{ name: 'test-card', handler: { code: 'test-card', arguments: [] } }],
  collections: [],
};

const GOODS = [
  { sku: 'TEA-1', name: '煎茶', slug: 'sencha', price: '1080', tax: '軽減税率' },
  { sku: 'CAKE-1', name: '栗ようかん', slug: 'kuri-yokan', price: '1728', tax: '軽減税率' },
  { sku: 'CUP-1', name: '有田焼の湯のみ', slug: 'yunomi', price: '3300', tax: '標準税率' },
  { sku: 'POT-1', name: '急須', slug: 'kyusu', price: '8800', tax: '標準税率' },
];

/** Parcels: ¥550 with the standard tax in it. */
async function addShippingMethod(app, ctx) {
  const fields = { rate: '55000', includesTax: 'include', taxRate: '10' };
  const asArguments = Object.entries(fields).map(([name, value]) => ({ name, value }));
  await app.get(vendure.ShippingMethodService).create(ctx, {
    code: 'parcel',
    fulfillmentHandler: vendure.manualFulfillmentHandler.code,
    checker: {
      code: vendure.defaultShippingEligibilityChecker.code,
      arguments: [{ name: 'orderMinimum', value: '0' }],
    },
    calculator: { code: vendure.defaultShippingCalculator.code, arguments: asArguments },
    translations: [{ languageCode: vendure.LanguageCode.ja, name: '宅配便', description: '' }],
  });
}

function goodsAsCsv() {
  const columns =
    'name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,' +
    'stockOnHand,trackInventory,variantAssets,variantFacets';
  const rows = GOODS.map((g) => `${g.name},${g.slug},,,,,,${g.sku},${g.price},${g.tax},10000,true,,`);
  return [columns, ...rows, ''].join('\n');
}

async function fillShop(app) {
  await populateInitialData(app, INITIAL_DATA);
  const ctx = await app.get(vendure.RequestContextService).create({ apiType: 'admin' });
  const channels = app.get(vendure.ChannelService);
  const channel = await channels.getDefaultChannel(ctx);
  await channels.update(ctx, {
    id: channel.id,
    availableCurrencyCodes: ['JPY'],
    defaultCurrencyCode: 'JPY',
    pricesIncludeTax: true,
  });
  await addShippingMethod(app, ctx);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'renkei-vendure-'));
  try {
    const file = path.join(folder, 'goods.csv');
    fs.writeFileSync(file, goodsAsCsv());
    await importProductsFromCsv(app, file, vendure.LanguageCode.ja);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

// --------------------------------------------------------------------------------------- main

async function readSettings() {
  const lines = readline.createInterface({ input: process.stdin });
  return new Promise((resolve) => {
    lines.once('line', (line) => {
      lines.on('line', obey);
      resolve(JSON.parse(line));
    });
    lines.once('close', () => process.exit(0));
  });
}

function obey(line) {
  const [command, url] = line.split(' ');
  if (command !== 'webhook') throw new Error('a line on standard input is not understood');
  ToldEventsPlugin.sender.url = url;
  tell({ webhook: url });
}

async function main() {
  const settings = await readSettings();
  const begun = Date.now();
  ToldEventsPlugin.sender = new WebhookSender(settings.webhookUrl, settings.secret);
  const app = await vendure.bootstrap(shopConfig(settings));
  if (settings.fill) await fillShop(app);
  await app.get(vendure.JobQueueService).start();
  process.once('SIGTERM', () => app.close().finally(() => process.exit(0)));
  tell({ ready: { version: vendure.VENDURE_VERSION, ms: Date.now() - begun } });
}

main().catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
