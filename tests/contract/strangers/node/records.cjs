"use strict";
const { refusal, report } = require("./common.cjs");

const NOBODY = "11111111-2222-3333-4444-777777777777";
const CHOSEN = "11111111-2222-3333-4444-555555555555";

report(async (client) => {
  const made = await client.create({
    collection: "accounts", data: { name: "Node", accountnumber: "N-1" }, select: ["name"], returnRepresentation: true,
  });
  const key = made.accountid;
  const etag = made["@odata.etag"];
  const account = { collection: "accounts", key };
  const contact = await client.create({
    collection: "contacts", data: { lastname: "X", "parentcustomerid_account@odata.bind": `/accounts(${key})` },
  });
  const found = { made: made.name, key };
  found.contact = await client.retrieve({
    collection: "contacts", key: contact, select: ["_parentcustomerid_value"], includeAnnotations: "*",
  });
  found.again = await client.retrieve({ ...account, select: ["name", "accountnumber"] });
  found.unchanged = await refusal(() => client.retrieve({ ...account, select: ["name"], ifnonematch: etag }));
  const updated = await client.update({
    ...account, data: { telephone1: "1" }, ifmatch: etag, select: ["telephone1"], returnRepresentation: true,
  });
  found.updated = [updated.telephone1, updated["@odata.etag"] !== etag];
  found.stale = await refusal(() => client.update({ ...account, data: { telephone1: "2" }, ifmatch: etag }));
  found.staleDelete = await refusal(() => client.deleteRecord({ ...account, ifmatch: etag }));
  await client.updateSingleProperty({ ...account, fieldValuePair: { name: "Single" } });
  await client.deleteRecord({ ...account, property: "telephone1" });
  found.single = await client.retrieve({ ...account, select: ["name", "telephone1"] });

  const byKey = { collection: "accounts", key: "accountnumber='UP 1'" };
  await client.upsert({ ...byKey, data: { name: "Up" } });
  found.byKey = await client.upsert({ ...byKey, data: { name: "Up2" }, select: ["name"], returnRepresentation: true });
  found.chosen = await client.upsert({
    collection: "accounts", key: CHOSEN, data: { name: "Chosen" }, select: ["name"], returnRepresentation: true,
  });
  found.createOnly = await client.upsert({ collection: "accounts", key: CHOSEN, data: { name: "No" }, ifnonematch: "*" });
  found.updateOnly = await client.upsert({ collection: "accounts", key: NOBODY, data: { name: "No" }, ifmatch: "*" });
  found.untouched = (await client.retrieve({ collection: "accounts", key: CHOSEN, select: ["name"] })).name;
  await client.deleteRecord({ collection: "accounts", key: CHOSEN });
  found.gone = await refusal(() => client.retrieve({ collection: "accounts", key: CHOSEN }));
  found.duplicate = await refusal(() => client.create({ collection: "accounts", data: { accountid: key, name: "No" } }));
  found.misspelt = await refusal(() => client.create({ collection: "accounts", data: { Name: "No" } }));
  found.whoami = Object.keys(await client.callFunction("WhoAmI")).sort();
  return found;
});
