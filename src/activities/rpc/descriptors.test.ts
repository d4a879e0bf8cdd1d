import { create, fromJson, toJson } from "@bufbuild/protobuf"
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt"
import { describe, expect, test } from "vitest"
import { Misconfigured } from "../call.ts"
import { buildDescriptors, findMissing } from "./descriptors.ts"

const field = (
  name: string,
  number: number,
  more: { type?: Type; typeName?: string; jsonName?: string } = {},
) => ({
  name,
  number,
  label: Label.OPTIONAL,
  type: more.typeName === undefined ? Type.STRING : Type.MESSAGE,
  ...more,
})

/** As a compiler writes it, or as a server built on protobufjs reflects it. */
function shopFiles(style: "compiled" | "bare"): Map<string, FileDescriptorProto> {
  const dot = style === "compiled" ? "." : ""
  const compiled = style === "compiled"
  const money = create(FileDescriptorProtoSchema, {
    name: "money.proto",
    package: "common.v1",
    syntax: "proto3",
    messageType: [
      { name: "Money", field: [field("currency_code", 1, compiled ? { jsonName: "currencyCode" } : {})] },
    ],
  })
  const shop = create(FileDescriptorProtoSchema, {
    name: "shop.proto",
    package: "shop.v1",
    syntax: "proto3",
    dependency: compiled ? ["money.proto", "google/protobuf/timestamp.proto"] : [],
    messageType: [
      {
        name: "Order",
        field: [
          field("order_id", 1),
          field("total", 2, { typeName: `${dot}common.v1.Money` }),
          field("at", 3, { typeName: `${dot}google.protobuf.Timestamp` }),
          field("line", 4, { typeName: compiled ? ".shop.v1.Order.Line" : "Line" }),
        ],
        nestedType: [{ name: "Line", field: [field("sku", 1)] }],
      },
      { name: "Line", field: [field("wrong_one", 1)] },
    ],
    service: [
      {
        name: "Orders",
        method: [
          {
            name: "Place",
            inputType: `${dot}shop.v1.Order`,
            outputType: compiled ? ".shop.v1.Order" : "Order",
          },
        ],
      },
    ],
  })
  return new Map([shop, money].map((file) => [file.name, file]))
}

const order = {
  orderId: "o1",
  total: { currencyCode: "EUR" },
  at: "2026-11-21T02:00:00Z",
  line: { sku: "A" },
}

describe("buildDescriptors()", () => {
  test.each(["compiled", "bare"] as const)("makes a registry of %s files", (style) => {
    const { registry, hash } = buildDescriptors(shopFiles(style), "shop.v1.Orders")
    const method = registry.getService("shop.v1.Orders")?.methods[0]
    if (!method) throw new Error("no method")
    expect(toJson(method.output, fromJson(method.input, order, { registry }), { registry })).toEqual(order)
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
  })

  test("leaves the files as they came, and hashes them whatever their order", () => {
    const files = shopFiles("bare")
    const before = JSON.stringify([...files])
    const { hash } = buildDescriptors(files, "shop.v1.Orders")
    expect(JSON.stringify([...files])).toBe(before)
    expect(buildDescriptors(new Map([...files].toReversed()), "shop.v1.Orders").hash).toBe(hash)
    expect(buildDescriptors(shopFiles("compiled"), "shop.v1.Orders").hash).not.toBe(hash)
  })

  test("refuses files that do not define the service, or that lack a type", () => {
    expect(() => buildDescriptors(new Map(), "shop.v1.Orders")).toThrow(Misconfigured)
    const files = shopFiles("compiled")
    files.delete("money.proto")
    expect(() => buildDescriptors(files, "shop.v1.Orders")).toThrow(/contradict/)
  })

  test("refuses files that contradict themselves", () => {
    const files = shopFiles("compiled")
    const shop = files.get("shop.proto")
    shop?.messageType[0]?.field.push(...(shop.messageType[0].field.slice(0, 1) ?? []))
    if (shop?.service[0]?.method[0]) shop.service[0].method[0].inputType = ".shop.v1.Nothing"
    expect(() => buildDescriptors(files, "shop.v1.Orders")).toThrow(Misconfigured)
  })
})

describe("findMissing()", () => {
  test("asks for files that are named and types that nobody defines", () => {
    const compiled = shopFiles("compiled")
    compiled.delete("money.proto")
    expect(findMissing(compiled)).toEqual([{ file_by_filename: "money.proto" }])
    const bare = shopFiles("bare")
    bare.delete("money.proto")
    expect(findMissing(bare)).toEqual([{ file_containing_symbol: "common.v1.Money" }])
  })

  test("asks for nothing when all is there, well-known types included", () => {
    expect(findMissing(shopFiles("compiled"))).toEqual([])
    expect(findMissing(shopFiles("bare"))).toEqual([])
  })
})
