// twilio-node, driven from outside: one request per line comes in as JSON, one answer per line goes out.
//
// A program of its own, run by the version that NODE_PATH leads to. It knows nothing of the tests: each operation is the
// line that a customer would write.
"use strict";

const readline = require("readline");
const twilio = require("twilio");

const OPERATIONS = {
  fetch_export: (v1, type) => v1.exports(type).fetch(),
  fetch_configuration: (v1, type) => v1.exportConfiguration(type).fetch(),
  update_configuration: (v1, type, changes) => v1.exportConfiguration(type).update(changes),
  list_days: (v1, type, how) => v1.exports(type).days.list(how),
  stream_days: (v1, type, how) =>
    new Promise((resolve, reject) => {
      const seen = [];
      v1.exports(type).days.each({
        ...how,
        callback: (day) => seen.push(day),
        done: (error) => (error ? reject(error) : resolve(seen)),
      });
    }),
  fetch_day: (v1, type, day) => v1.exports(type).days(day).fetch(),
  list_jobs: (v1, type, how) => v1.exports(type).exportCustomJobs.list(how),
  create_job: (v1, type, form) => v1.exports(type).exportCustomJobs.create(form),
  fetch_job: (v1, sid) => v1.exports.jobs(sid).fetch(),
  delete_job: (v1, sid) => v1.exports.jobs(sid).remove(),
};

const camelCase = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const camelCased = (options) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [camelCase(name), value]));

async function call(request) {
  if (request.operation === "version") return require("twilio/package.json").version;
  const client = twilio(request.username, request.password, { accountSid: request.account_sid });
  if (request.base_url) client.bulkexports.baseUrl = request.base_url;
  const options = Object.keys(request.options).length ? [camelCased(request.options)] : [];
  return OPERATIONS[request.operation](client.bulkexports.v1, ...request.words, ...options);
}

async function reply(line) {
  try {
    return { answer: await call(JSON.parse(line)) };
  } catch (error) {
    if (error.status === undefined) throw error;
    return { refused: { status: error.status, code: error.code, message: error.message } };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await reply(line)) + "\n");
  }
})();
