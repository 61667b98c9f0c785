"use strict";
const { part, refusal, report } = require("./common.cjs");

const NOBODY = "11111111-2222-3333-4444-777777777777";

report(async (client) => {
  const named = async (name) => (await client.retrieveMultiple({ collection: "accounts", filter: `name eq '${name}'` })).value;
  const account = (name, more) => client.create({ collection: "accounts", data: { name }, ...more });
  const outside = { inChangeSet: false };
  const found = {};

  client.startBatch();
  account("Set", { contentId: "1" });
  client.create({ collection: "contacts", data: { lastname: "Of the set", "parentcustomerid_account@odata.bind": "$1" } });
  const [made, contact] = await client.executeBatch();
  found.made = (await named("Set")).map((row) => row.accountid === made);
  const bound = await client.retrieve({ collection: "contacts", key: contact, select: ["_parentcustomerid_value"] });
  found.bound = bound._parentcustomerid_value === made;

  client.startBatch();
  account("Undone", { contentId: "1" });
  client.update({ collection: "accounts", key: NOBODY, data: { telephone1: "9" } });
  found.refused = await refusal(() => client.executeBatch());
  found.undone = (await named("Undone")).length;

  client.startBatch();
  client.retrieveMultiple({ collection: "accounts", select: ["name"], top: 2 });
  account("Alone", outside);
  client.retrieve({ collection: "accounts", key: made, select: ["name"] });
  const mixed = await client.executeBatch();
  found.mixed = [mixed[0].value.length, (await named("Alone")).length, mixed[2].name];

  const three = (last) => {
    client.startBatch();
    account(`Before ${last}`, outside);
    client.retrieve({ collection: "accounts", key: NOBODY, select: ["name"] });
    account(last, outside);
  };
  three("Continued");
  found.continued = part((await client.executeBatch({ continueOnError: true }))[1]);
  three("Stopped");
  found.stopped = (await refusal(() => client.executeBatch())).length;
  found.stored = [(await named("Continued")).length, (await named("Before Stopped")).length, (await named("Stopped")).length];

  const type = { "@odata.type": "Microsoft.Dynamics.CRM.account" };
  const many = { Targets: [{ ...type, name: "M1" }, { ...type, name: "M2" }] };
  const action = { collection: "accounts", actionName: "Microsoft.Dynamics.CRM.CreateMultiple", action: many };
  found.many = (await client.callAction(action)).Ids.length;
  return found;
});
