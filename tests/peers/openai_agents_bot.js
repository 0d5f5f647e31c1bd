/* A Twilio voice bot written with OpenAI's Agents SDK, as its documentation shows: its Twilio transport between a media
   stream and the Realtime API. It speaks first, stops when it is interrupted, and hangs up over REST when the model calls
   its function.

       node openai_agents_bot.js PORT NODE_MODULES REALTIME_URL REST_BASE_URL ACCOUNT_SID AUTH_TOKEN */
const { createRequire } = require("node:module");
const { createServer } = require("node:http");

const [port, modules, realtimeUrl, restUrl, accountSid, authToken] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const { tool } = load("@openai/agents");
const { RealtimeAgent, RealtimeSession } = load("@openai/agents/realtime");
const { TwilioRealtimeTransportLayer } = load("@openai/agents-extensions");
const { WebSocketServer } = load("ws");

const server = createServer((request, response) => {
  request.resume();
  response.setHeader("Content-Type", "text/xml");
  response.end(`<Response><Connect><Stream url="ws://127.0.0.1:${port}/ws"/></Connect></Response>`);
});

async function hangUp(callSid) {
  const credentials = Buffer.from(`${accountSid}:${authToken}`).toString("base64");
  await fetch(`${restUrl}/2010-04-01/Accounts/${accountSid}/Calls/${callSid}.json`, {
    method: "POST",
    headers: { Authorization: `Basic ${credentials}`, "Content-Type": "application/x-www-form-urlencoded" },
    body: "Status=completed",
  });
  return "done";
}

async function converse(socket) {
  let callSid = "";
  const hangUpTool = tool({
    name: "hang_up",
    description: "End the call.",
    parameters: { type: "object", properties: {}, required: [], additionalProperties: false },
    strict: true,
    execute: () => hangUp(callSid),
  });
  const agent = new RealtimeAgent({ name: "Pizza line", instructions: "Take orders.", tools: [hangUpTool] });
  const transport = new TwilioRealtimeTransportLayer({ twilioWebSocket: socket });
  const turnDetection = { type: "server_vad", createResponse: true, interruptResponse: true, silenceDurationMs: 500 };
  const session = new RealtimeSession(agent, {
    transport,
    model: "gpt-realtime-2.1",
    config: { audio: { input: { turnDetection } } },
  });
  transport.on("*", (event) => {
    if (event.type === "twilio_message" && event.message.event === "start") callSid = event.message.start.callSid;
  });
  session.on("error", (error) => console.error(JSON.stringify(error)));
  await session.connect({ apiKey: "sk-double", url: realtimeUrl });
  transport.sendEvent({ type: "response.create" });
}

new WebSocketServer({ server, path: "/ws" }).on("connection", (socket) => {
  converse(socket).catch((error) => console.error(error));
});
server.listen(Number(port), "127.0.0.1");
