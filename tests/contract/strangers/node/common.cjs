"use strict";
const { DynamicsWebApi } = require("dynamics-web-api");

async function token(server) {
  const form = { grant_type: "client_credentials", client_id: "coupled", client_secret: "sandbox-secret" };
  const body = new URLSearchParams({ ...form, scope: `${server}/.default` });
  const answer = await fetch(`${server}/contoso/oauth2/v2.0/token`, { method: "POST", body });
  return (await answer.json()).access_token;
}

/** The client, signed in at the server named on the command line. */
function api() {
  const server = process.argv[2];
  return new DynamicsWebApi({ serverUrl: server, dataApi: { version: "9.2" }, onTokenRefresh: () => token(server) });
}

/** What the call was refused with; the parts of a batch are refused one by one. */
async function refusal(call) {
  try {
    return { answered: await call() };
  } catch (error) {
    if (Array.isArray(error)) return error.map(part);
    return { status: error.status, code: error.code, message: error.message };
  }
}

function part(made) {
  return made instanceof Error ? { status: made.status, code: made.error?.code } : made;
}

/** Prints what the program found out, as JSON. */
function report(program) {
  program(api()).then(
    (found) => console.log(JSON.stringify(found)),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

module.exports = { part, refusal, report };
