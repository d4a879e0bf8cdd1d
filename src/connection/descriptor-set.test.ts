import { createHash } from "node:crypto"
import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { describe, expect, test } from "vitest"
import { MAX_DESCRIPTOR_SET_BYTES, parseDescriptorSet, summarizeDescriptorSet } from "./descriptor-set.ts"
import { SHOP_SET, SHOP_SET_WITHOUT_IMPORTS } from "./shop-descriptor-set.testsuite.ts"

const bytes = Buffer.from(SHOP_SET, "base64")
const shop = fromBinary(FileDescriptorSetSchema, bytes)

const encode = (files: typeof shop.file): string =>
  Buffer.from(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files }))).toString(
    "base64",
  )

describe("parseDescriptorSet()", () => {
  test("reads what protoc writes, and says what is in it", () => {
    const { registry, ...summary } = parseDescriptorSet(SHOP_SET)
    expect(summary).toEqual({
      sha256: createHash("sha256").update(bytes).digest("hex"),
      bytes: bytes.length,
      services: ["shop.Payment"],
    })
    expect(registry.getService("shop.Payment")?.methods.map(({ name }) => name)).toEqual(["Charge", "Watch"])
    expect(summarizeDescriptorSet(SHOP_SET)).toEqual(summary)
  })

  test("takes a set of its largest size, and none of a byte more", () => {
    const padded = (name: string) => encode([...shop.file, create(FileDescriptorProtoSchema, { name })])
    const room = MAX_DESCRIPTOR_SET_BYTES - Buffer.from(padded("x".repeat(500_000)), "base64").length
    expect(parseDescriptorSet(padded("x".repeat(500_000 + room))).bytes).toBe(MAX_DESCRIPTOR_SET_BYTES)
    expect(() => parseDescriptorSet(padded("x".repeat(500_001 + room)))).toThrow(
      /has 524289 bytes: expected at most 524288/,
    )
  })

  test("names the imports that are missing", () => {
    expect(() => parseDescriptorSet(SHOP_SET_WITHOUT_IMPORTS)).toThrow(
      /imports files that are not in it: google\/protobuf\/timestamp\.proto, google\/protobuf\/struct\.proto; make it with protoc --include_imports/,
    )
  })

  test.each([
    ["no text", "", /is no base64/],
    ["prose", "not base64!", /is no base64/],
    ["a part of base64", "AAA", /is no base64/],
    ["garbage", Buffer.from("garbage").toString("base64"), /is no FileDescriptorSet: /],
    ["many bits", Buffer.alloc(64, 0xff).toString("base64"), /is no FileDescriptorSet: /],
    ["a set that was cut", bytes.subarray(0, -5).toString("base64"), /is no FileDescriptorSet: /],
    ["another message", Buffer.from([0x12, 0x00]).toString("base64"), /or one without files/],
    ["a set without services", encode(shop.file.slice(0, 2)), /defines no service/],
  ])("says what is wrong with %s", (_what, text, reason) => {
    expect(() => parseDescriptorSet(text)).toThrow(reason)
  })

  test("names a type that no file defines, and a name that is none", () => {
    const broken = (change: (file: (typeof shop.file)[number]) => void) =>
      encode(
        shop.file.map((file) => {
          const copy = clone(FileDescriptorProtoSchema, file)
          if (copy.name === "shop.proto") change(copy)
          return copy
        }),
      )
    const withoutReply = broken((file) => file.messageType.pop())
    expect(() => parseDescriptorSet(withoutReply)).toThrow(/contradicts itself: .* not found/)
    const crafted = broken((file) => {
      for (const message of file.messageType) message.name = `${message.name}(){process.exit()}`
    })
    expect(() => parseDescriptorSet(crafted)).toThrow(/contradicts itself: .*invalid message name/)
  })
})
