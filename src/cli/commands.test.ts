import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { parse } from "yaml"
import type { TransactionStatus } from "../contract/statuses.ts"
import type { Once } from "../sdk/client.ts"
import { ApiError, Unreachable } from "../sdk/errors.ts"
import type {
  Decided,
  DecisionRequest,
  Exception,
  ExceptionComment,
  ExceptionGroup,
  Transaction,
} from "../sdk/shapes.ts"
import { addApprovalCommands } from "./approvals.ts"
import { runCommand } from "./commands.testsuite.ts"
import { addConnectionCommands } from "./connections.ts"
import { addDecisionCommands } from "./decisions.ts"
import { addExceptionsCommands } from "./exceptions.ts"
import { addFlowCommands } from "./flows.ts"
import { addGetCommand } from "./get.ts"
import { addListCommand } from "./list.ts"
import { addSecretCommands } from "./secrets.ts"
import { addWatchCommand } from "./watch.ts"

const TRANSACTION: Transaction = {
  instance_id: "订单-1",
  flow_name: "order",
  flow_version: 1,
  workflow_id: "default/订单-1",
  status: "running",
  version: 0,
  open_exceptions: 0,
  ignored_messages: 0,
  created_at: "2026-01-01T00:00:00.000Z",
  completed_at: null,
  output: null,
  error: null,
  tasks: [],
}

function writeFlow(name: string, content: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-flow-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, name)
  writeFileSync(file, content)
  return file
}

describe("-o", () => {
  test.each([
    ["json", (text: string): unknown => JSON.parse(text)],
    ["yaml", (text: string): unknown => parse(text)],
  ])("%s prints the value and nothing else", async (format, read) => {
    const { printed } = await runCommand(addGetCommand, ["get", "x", "-o", format], {
      getTransaction: () => Promise.resolve(TRANSACTION),
    })
    expect(read(printed.join("\n"))).toEqual(TRANSACTION)
  })
})

describe("holdfast apply", () => {
  const apply = async (file: string): Promise<[string, string]> => {
    const sent: [string, string][] = []
    const seen = await runCommand(addFlowCommands, ["apply", file], {
      applyFlow: (name, json) => {
        sent.push([name, json])
        return Promise.resolve({ id: "1", name, version: 3, plan_hash: "abcdef0123456789" })
      },
    })
    if (seen.thrown !== undefined) throw seen.thrown
    expect(seen.printed.join()).toContain("order  v3       abcdef012345")
    return sent[0] ?? ["", ""]
  }

  test("sends a JSON file as it stands there", async () => {
    const text = '{"name": "order",\n "tasks": [12345678901234567890]}'
    expect(await apply(writeFlow("order.json", text))).toEqual(["order", text])
  })

  test("sends a YAML file as JSON, and finds the name within a definition", async () => {
    const [name, json] = await apply(writeFlow("order.yaml", "definition:\n  name: order\n  tasks: []\n"))
    expect([name, JSON.parse(json)]).toEqual(["order", { definition: { name: "order", tasks: [] } }])
  })

  test.each([
    ["a.json", "{", "expected a flow as JSON"],
    ["a.json", "[]", "expected a flow with a name"],
    ["a.json", '{"definition": "{"}', "expected a flow"],
    ["a.yaml", "a: [", "a.yaml: "],
  ])("sends nothing of %s with %j", async (name, content, reason) => {
    await expect(apply(writeFlow(name, content))).rejects.toMatchObject({
      name: "UsageError",
      message: expect.stringContaining(reason),
    })
  })
})

describe("holdfast connection", () => {
  const view = {
    name: "shop",
    kind: "http",
    source: "api" as const,
    settings: {},
    updated_at: null,
    updated_by: "ci",
  }

  test("apply sends the file's settings with the descriptor set that they name; a file without a name is refused", async () => {
    const settings = { name: "shop", kind: "http", base_url: "https://shop.test" }
    const sent: object[] = []
    const client = {
      applyConnection: (given: object) => {
        sent.push(given)
        return Promise.resolve(view)
      },
    }
    const apply = (content: string) =>
      runCommand(addConnectionCommands, ["connection", "apply", writeFlow("c.json", content)], client)
    expect((await apply(JSON.stringify(settings))).printed.join()).toContain("shop  http  api   ci")
    expect(sent).toEqual([settings])
    for (const content of ["[]", '{"kind": "http"}', "{"])
      expect((await apply(content)).thrown).toMatchObject({ name: "UsageError" })
    expect(sent).toHaveLength(1)

    const payment = { name: "payment", kind: "grpc" }
    const applyWith = (descriptor_set_file: string) =>
      apply(JSON.stringify({ ...payment, descriptor_set_file }))
    expect((await applyWith("absent.binpb")).thrown).toMatchObject({ name: "UsageError" })
    await applyWith(writeFlow("shop.binpb", "bytes"))
    const descriptor_set = Buffer.from("bytes").toString("base64")
    expect(sent[1]).toEqual({ ...payment, descriptor_set })
  })

  test("a trial ends with 1 when the connection cannot be used, and says why", async () => {
    const tried = { ok: false, code: "ECONNREFUSED", message: "nobody listens", duration_ms: 1 }
    const seen = await runCommand(addConnectionCommands, ["connection", "test", "shop"], {
      testConnection: () => Promise.resolve(tried),
    })
    expect(seen).toMatchObject({ code: 1, printed: ["ECONNREFUSED: nobody listens"] })
  })
})

describe("holdfast secret", () => {
  test("set takes the value from a file, without its last line break, and never shows it", async () => {
    const sent: string[][] = []
    const file = writeFlow("value", "two words\n\n")
    const seen = await runCommand(addSecretCommands, ["secret", "set", "key", "--file", file], {
      saveSecret: (...given) => {
        sent.push(given)
        return Promise.resolve({ name: "key", source: "api" as const, updated_at: null, updated_by: null })
      },
    })
    expect(sent).toEqual([["key", "two words\n"]])
    expect([...seen.printed, ...seen.said]).toEqual(["secret key is stored"])
  })
})

describe("decisions", () => {
  test.each(["cancel", "pause", "resume"])("%s is about the whole transaction", async (action) => {
    const sent: unknown[] = []
    const seen = await runCommand(addDecisionCommands, [action, "t", "--reason", "r"], {
      act: (...given) => {
        sent.push(given)
        return Promise.resolve({ instance_id: "t", status: "running" })
      },
    })
    expect(sent).toEqual([["t", action, "r", { idempotencyKey: expect.any(String) }]])
    expect(seen.printed).toEqual(["t  running"])
  })

  const decided: Decided = {
    instance_id: "t",
    decision_id: "d",
    action: "skip",
    status: "running",
    version: 1,
    tasks: [],
  }
  const decide = async (...args: string[]) => {
    const sent: DecisionRequest[] = []
    const seen = await runCommand(addDecisionCommands, args, {
      decide: (_id, decision) => {
        sent.push(decision)
        return Promise.resolve(decided)
      },
      retryTransaction: (instance_id) => Promise.resolve({ instance_id, status: "pending" }),
    })
    return { seen, sent: JSON.parse(JSON.stringify(sent)) as DecisionRequest[] }
  }

  test("send what was said and nothing else", async () => {
    expect((await decide("skip", "t", "pay", "--reason", "r")).sent).toEqual([
      { action: "skip", task: "pay", reason: "r" },
    ])
    const complete = ["complete", "t", "pay", "--reason", "r", "--attest", "executed"]
    expect((await decide(...complete, "--result", '{"a": 1}')).sent).toEqual([
      { action: "complete", task: "pay", reason: "r", attest: "executed", output: { a: 1 } },
    ])
    expect((await decide(...complete)).sent[0]).not.toHaveProperty("output")
    const retry = ["retry", "t", "--task", "pay", "--reason", "r"]
    expect((await decide(...retry)).sent).toEqual([{ action: "retry", task: "pay", reason: "r" }])
    expect((await decide(...retry, "--expected-version", "7")).sent).toEqual([
      { action: "retry", task: "pay", reason: "r", expected_version: 7 },
    ])
  })

  test("retry without a task takes all of them", async () => {
    const { seen, sent } = await decide("retry", "t")
    expect(sent).toEqual([])
    expect(seen.printed).toEqual(["t  pending"])
  })

  test.each([
    [["skip", "t", "pay"], "--reason"],
    [["retry", "t", "--task", "pay"], "--task needs a --reason"],
    [["retry", "t", "--attest", "executed"], "--attest is about one --task"],
    [["retry", "t", "--expected-version", "7"], "--expected-version is about one --task"],
    [["skip", "t", "pay", "--reason", "r", "--expected-version", "-1"], "--expected-version takes a number"],
    [["skip", "t", "pay", "--reason", "r", "--decision-id", "a b"], "--decision-id takes"],
    [["complete", "t", "pay", "--reason", "r", "--result", "{"], "--result takes JSON"],
    [["skip", "t", "pay", "--reason", "r", "--attest", "maybe"], "Allowed choices"],
  ])("are not sent as %j", async (args, reason) => {
    const { seen, sent } = await decide(...args)
    expect(sent).toEqual([])
    expect(String(seen.thrown)).toContain(reason)
  })
})

describe("a decision whose answer is lost", () => {
  const EVIDENCE = ["--reason", "r", "--evidence", "e"]
  const COMMANDS = [
    ["retry", "t"],
    ["retry", "t", "--task", "pay", "--reason", "r"],
    ["skip", "t", "pay", "--reason", "r"],
    ["complete", "t", "pay", "--reason", "r"],
    ["cancel", "t"],
    ["pause", "t"],
    ["resume", "t"],
    ["probe", "t", "pay", "--reason", "r"],
    ["retry-unsafe", "t", "pay", ...EVIDENCE],
    ["mark-compensated", "t", "pay", ...EVIDENCE],
    ["waive-compensation", "t", "pay", ...EVIDENCE],
    ["force-close", "t", ...EVIDENCE],
    ["approve", "t", "d", "--reason", "r"],
    ["reject", "t", "d", "--reason", "r"],
    ["exceptions", "retry", "7"],
  ]
  const LOST = new Unreachable("http://a", Object.assign(new Error("reset"), { code: "ECONNRESET" }))
  const CLOSED = new Unreachable("http://a", Object.assign(new Error("no"), { code: "ECONNREFUSED" }))

  /** What came as the last argument of whatever decides, which always fails. */
  const lose = async (args: string[], error: Error) => {
    const keys: unknown[] = []
    const fail = (...given: unknown[]) => {
      keys.push((given.at(-1) as Once).idempotencyKey)
      return Promise.reject(error)
    }
    const add: typeof addDecisionCommands = (program, terminal) => {
      addDecisionCommands(program, terminal)
      addApprovalCommands(program, terminal)
      addExceptionsCommands(program, terminal)
    }
    const client = { decide: fail, act: fail, retryTransaction: fail, retryException: fail }
    return { ...(await runCommand(add, args, client)), keys }
  }

  test.each(COMMANDS)("can be made again under its id: %s", async (...args) => {
    const first = await lose(args, LOST)
    expect(first.thrown).toBe(LOST)
    const [, id = ""] =
      /the same command with --decision-id (\S+) takes it at most once/.exec(first.said.join()) ?? []
    expect(first.keys).toEqual([id])
    expect((await lose([...args, "--decision-id", id], LOST)).keys).toEqual([id])
    expect((await lose(args, LOST)).keys).not.toEqual([id])
  })

  test.each([
    [new ApiError(503, { error: "temporal_unavailable" }, ""), 1],
    [new ApiError(409, { error: "not_parked" }, ""), 0],
    [CLOSED, 0],
  ])("is not taken for one that was refused or never sent: %s", async (error, times) => {
    expect((await lose(["cancel", "t"], error)).said).toHaveLength(times)
  })
})

const GROUP: ExceptionGroup = {
  group: "8c1f0e62d7a94b35",
  flow_id: "f",
  flow_name: "order",
  task: "pay",
  operation: "do",
  kind: "retries_exhausted",
  code: "HTTP_503",
  severity: "critical",
  message: "订单 <n> 被拒绝",
  count: 12,
  retry_safe_count: 3,
  oldest_at: "2026-11-20T08:00:00.000Z",
  newest_at: "2026-11-21T08:00:00.000Z",
  example_id: 7,
}

const EXCEPTION: Exception = {
  id: 7,
  instance_id: "t",
  task: "pay",
  error_type: "rejected",
  error_code: "HTTP_422",
  error_message: "no stock",
  outcome: "rejected",
  state: "assigned",
  group: GROUP.group,
  retry_safe: true,
  handled: false,
  acknowledged_by: null,
  acknowledged_at: null,
  owner: "安",
  team: "payments",
  escalation_level: 2,
  escalated_to: "lead",
  escalates_at: null,
  sla_due_at: null,
  snoozed_until: null,
}

const COMMENT: ExceptionComment = {
  id: 1,
  exception_id: 7,
  actor: "安",
  text: "银行说没有收到",
  at: "2026-11-21T08:00:00.000Z",
}

describe("holdfast exceptions", () => {
  test("asks for what nobody has handled, unless all are wanted", async () => {
    const filters: unknown[] = []
    const listExceptions = (filter: unknown) => {
      filters.push(filter)
      return Promise.resolve([])
    }
    await runCommand(addExceptionsCommands, ["exceptions", "list"], { listExceptions })
    await runCommand(addExceptionsCommands, ["exceptions", "list", "--all"], { listExceptions })
    expect(filters).toMatchObject([{ handled: false }, { handled: undefined }])
  })

  test.each(["retry", "ack", "comments"])("takes an exception's number only: %s", async (command) => {
    const { thrown } = await runCommand(addExceptionsCommands, ["exceptions", command, "1e1"], {})
    expect(thrown).toMatchObject({ name: "UsageError" })
  })

  test("narrows lists and groups by what people said", async () => {
    const filters: unknown[] = []
    const keep = (filter: unknown) => {
      filters.push(filter)
      return Promise.resolve([])
    }
    const flags = ["--owner", "安", "--team", "payments", "--state", "assigned", "--awake"]
    const client = { listExceptions: keep, listExceptionGroups: keep }
    await runCommand(addExceptionsCommands, ["exceptions", "list", "--group", "0f", ...flags], client)
    await runCommand(addExceptionsCommands, ["exceptions", "groups", ...flags], client)
    const said = { owner: "安", team: "payments", state: "assigned", snoozed: false, handled: false }
    expect(filters).toMatchObject([{ ...said, group: "0f" }, said])
  })

  test("lines groups up, also with Chinese text", async () => {
    const listExceptionGroups = () =>
      Promise.resolve([
        { ...GROUP, flow_name: "订单" },
        { ...GROUP, flow_name: "order", task: null },
      ])
    const { printed } = await runCommand(addExceptionsCommands, ["exceptions", "groups"], {
      listExceptionGroups,
    })
    expect(printed.join("\n").split("\n")).toEqual([
      "GROUP             COUNT  RETRY SAFE  FLOW   TASK  CODE      SEVERITY  NEWEST                    EXAMPLE  WHY",
      "8c1f0e62d7a94b35  12     3 of 12     订单   pay   HTTP_503  critical  2026-11-21T08:00:00.000Z  7        订单 <n> 被拒绝",
      "8c1f0e62d7a94b35  12     3 of 12     order        HTTP_503  critical  2026-11-21T08:00:00.000Z  7        订单 <n> 被拒绝",
    ])
  })

  const note = async (...args: string[]) => {
    const sent: unknown[] = []
    const keep =
      (what: string) =>
      (...given: unknown[]) => {
        sent.push([what, ...given])
        return Promise.resolve(EXCEPTION)
      }
    const seen = await runCommand(addExceptionsCommands, ["exceptions", ...args], {
      acknowledgeException: keep("ack"),
      assignException: keep("assign"),
      snoozeException: keep("snooze"),
      commentException: (...given) => {
        sent.push(["comment", ...given])
        return Promise.resolve(COMMENT)
      },
      listExceptionComments: () => Promise.resolve([COMMENT]),
    })
    return { seen, sent }
  }

  test.each([
    [
      ["ack", "7"],
      ["ack", 7],
    ],
    [
      ["assign", "7", "安"],
      ["assign", 7, { owner: "安", team: null }],
    ],
    [
      ["assign", "7", "--team", "payments"],
      ["assign", 7, { owner: null, team: "payments" }],
    ],
    [
      ["assign", "7", "--nobody"],
      ["assign", 7, { owner: null, team: null }],
    ],
    [
      ["snooze", "7", "--for", "2h"],
      ["snooze", 7, { for: "2h" }],
    ],
    [
      ["snooze", "7", "--until", "2026-12-24T08:00:00Z"],
      ["snooze", 7, { until: "2026-12-24T08:00:00Z" }],
    ],
    [
      ["snooze", "7", "--wake"],
      ["snooze", 7, { until: null }],
    ],
    [
      ["comment", "7", "银行说没有收到"],
      ["comment", 7, "银行说没有收到"],
    ],
  ])("sends what %j says", async (args, expected) => {
    const { seen, sent } = await note(...args)
    expect(seen.thrown).toBeUndefined()
    expect(sent).toEqual([expected])
  })

  test("shows the exception as it is then, or its comments", async () => {
    const { seen } = await note("assign", "7", "安", "--team", "payments")
    expect(seen.printed[0]).toContain("assigned  安, payments  2 lead       no stock")
    expect((await note("ack", "7", "-o", "json")).seen.printed).toEqual([JSON.stringify(EXCEPTION)])
    expect((await note("comments", "7", "-o", "yaml")).seen.printed[0]).toContain("text: 银行说没有收到")
    expect((await note("comment", "7", "x")).seen.printed[0]).toContain("安  银行说没有收到")
  })

  test.each([
    [["assign", "7"], "say who has it now"],
    [["assign", "7", "ann", "--nobody"], "say who has it now"],
    [["snooze", "7"], "say one of"],
    [["snooze", "7", "--for", "2h", "--wake"], "say one of"],
  ])("sends nothing for %j", async (args, reason) => {
    const { seen, sent } = await note(...args)
    expect(sent).toEqual([])
    expect(String(seen.thrown)).toContain(reason)
  })
})

describe("holdfast list", () => {
  test.each(["0", "201", "x"])("refuses --limit %s", async (limit) => {
    const { thrown } = await runCommand(addListCommand, ["list", "--limit", limit], {})
    expect(thrown).toMatchObject({ name: "UsageError" })
  })
})

describe("holdfast watch", () => {
  const watch = async (statuses: TransactionStatus[], ...more: string[]) => {
    let look = 0
    return runCommand(addWatchCommand, ["watch", "订单-1", ...more], {
      getTransaction: () =>
        Promise.resolve({
          ...TRANSACTION,
          status: statuses[Math.min(look++, statuses.length - 1)] ?? "running",
        }),
      async *followTransaction(_instanceId, signal) {
        while (look < statuses.length) yield []
        if (signal && !signal.aborted) await once(signal, "abort")
      },
    })
  }

  test.each([
    ["success", 0],
    ["failed", 1],
    ["blocked", 1],
  ] as const)("says each change once, and ends with the verdict of %s", async (end, code) => {
    const seen = await watch(["running", "running", end])
    expect(seen.said).toEqual(["订单-1  running", `订单-1  running -> ${end}`])
    expect(seen.code).toBe(code)
  })

  test("gives up in time with 124", async () => {
    expect((await watch(["running"], "--timeout", "0.05")).code).toBe(124)
  })
})
