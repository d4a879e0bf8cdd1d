/** A gRPC connection's uploaded descriptors: a serialized FileDescriptorSet as base64, as `protoc` and `buf` write it. */
import { createHash } from "node:crypto"
import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf"
import { type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { toError } from "../contract/errors.ts"

export const MAX_DESCRIPTOR_SET_BYTES = 512 * 1024

export interface DescriptorSetSummary {
  /** Of the bytes, hex. */
  sha256: string
  bytes: number
  /** Full names. */
  services: string[]
}

/** Its message says what is wrong with the set, in words that follow the field's name. */
export class DescriptorSetInvalid extends Error {
  override readonly name = "DescriptorSetInvalid"
}

/** Complete, so that no server has to be asked. Throws `DescriptorSetInvalid`. */
export function parseDescriptorSet(base64: string): DescriptorSetSummary & { registry: FileRegistry } {
  const { bytes, set } = decode(base64)
  const names = new Set(set.file.map(({ name }) => name))
  const missing = new Set(set.file.flatMap(({ dependency }) => dependency).filter((name) => !names.has(name)))
  if (missing.size > 0)
    throw new DescriptorSetInvalid(
      `imports files that are not in it: ${[...missing].join(", ")}; make it with protoc --include_imports, or with buf build`,
    )
  return { ...summarize(bytes, set), registry: buildRegistry(set) }
}

/** Of a set that was accepted before. Throws `DescriptorSetInvalid`. */
export function summarizeDescriptorSet(base64: string): DescriptorSetSummary {
  const { bytes, set } = decode(base64)
  return summarize(bytes, set)
}

function decode(base64: string): { bytes: Buffer; set: FileDescriptorSet } {
  // What `base64` writes has line breaks.
  const text = base64.replace(/\s+/g, "")
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0)
    throw new DescriptorSetInvalid("is no base64: expected the bytes of a FileDescriptorSet in it")
  const bytes = Buffer.from(text, "base64")
  if (bytes.length > MAX_DESCRIPTOR_SET_BYTES)
    throw new DescriptorSetInvalid(
      `has ${bytes.length} bytes: expected at most ${MAX_DESCRIPTOR_SET_BYTES}; leave out source info, and files that the services do not need`,
    )
  try {
    const set = fromBinary(FileDescriptorSetSchema, bytes)
    if (set.file.length > 0) return { bytes, set }
  } catch (thrown) {
    throw new DescriptorSetInvalid(`is no FileDescriptorSet: ${toError(thrown).message}`, { cause: thrown })
  }
  throw new DescriptorSetInvalid("is no FileDescriptorSet, or one without files")
}

function buildRegistry(set: FileDescriptorSet): FileRegistry {
  try {
    return createFileRegistry(set)
  } catch (thrown) {
    throw new DescriptorSetInvalid(`contradicts itself: ${toError(thrown).message}`, { cause: thrown })
  }
}

function summarize(bytes: Buffer, set: FileDescriptorSet): DescriptorSetSummary {
  const services = set.file.flatMap((file) =>
    file.service.map(({ name }) => (file.package === "" ? name : `${file.package}.${name}`)),
  )
  if (services.length === 0) throw new DescriptorSetInvalid("defines no service")
  return { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length, services }
}
