/**
 * From reflected file descriptors to a registry. Reflection servers built on protobufjs leave out what a compiler
 * would have written: leading dots of type names, dependencies, JSON names. It is put back here.
 */
import { createHash } from "node:crypto"
import { clone, createFileRegistry, type FileRegistry, toBinary } from "@bufbuild/protobuf"
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt"
import { toError } from "../../contract/errors.ts"
import { Misconfigured } from "../call.ts"

export interface ServiceDescriptors {
  registry: FileRegistry
  /** sha256 of the descriptors as they came, hex; for the attempt row. */
  hash: string
}

type Files = ReadonlyMap<string, FileDescriptorProto>

/** Servers often leave these out, and their JSON mapping is fixed anyway. */
const WELL_KNOWN: Files = new Map(
  [
    file_google_protobuf_any,
    file_google_protobuf_api,
    file_google_protobuf_duration,
    file_google_protobuf_empty,
    file_google_protobuf_field_mask,
    file_google_protobuf_source_context,
    file_google_protobuf_struct,
    file_google_protobuf_timestamp,
    file_google_protobuf_type,
    file_google_protobuf_wrappers,
  ].map(({ proto }) => [proto.name, proto]),
)

/** What to ask the server for next: files that others name, and types that no file defines. */
export function findMissing(
  files: Files,
): ({ file_by_filename: string } | { file_containing_symbol: string })[] {
  const known = withWellKnown(files)
  const names = [...files.values()].flatMap(({ dependency }) => dependency).filter((name) => !known.has(name))
  if (names.length > 0) return [...new Set(names)].map((name) => ({ file_by_filename: name }))
  const homes = homesOf(known)
  const types = [...files.values()]
    .flatMap((file) => referencesOf(file, homes))
    .filter((type) => !homes.has(type))
  return [...new Set(types)].map((type) => ({ file_containing_symbol: type.slice(1) }))
}

/** Throws `Misconfigured`: `grpc_descriptors_invalid`. The files are left as they are. */
export function buildDescriptors(files: Files, service: string): ServiceDescriptors {
  const known = withWellKnown(files)
  const homes = homesOf(known)
  const repaired = new Map([...known.values()].map((file) => [file.name, repair(file, homes)]))
  const home = homes.get(`.${service}`)
  const entry = home === undefined ? undefined : repaired.get(home)
  if (!entry) throw invalid(`none of the server's files defines ${service}`)
  try {
    return { registry: createFileRegistry(entry, (name) => repaired.get(name)), hash: hashOf(files) }
  } catch (thrown) {
    throw invalid(`the server's descriptors of ${service} contradict themselves: ${toError(thrown).message}`)
  }
}

function withWellKnown(files: Files): Files {
  return new Map([...files, ...WELL_KNOWN])
}

/** The file of each message, enum and service, by its full name with a leading dot. */
function homesOf(files: Files): ReadonlyMap<string, string> {
  const homes = new Map<string, string>()
  for (const file of files.values()) {
    const scope = scopeOf(file)
    const visit = (prefix: string, message: DescriptorProto): void => {
      const name = `${prefix}.${message.name}`
      homes.set(name, file.name)
      for (const nested of message.nestedType) visit(name, nested)
      for (const nested of message.enumType) homes.set(`${name}.${nested.name}`, file.name)
    }
    for (const message of file.messageType) visit(scope, message)
    for (const { name } of [...file.enumType, ...file.service]) homes.set(`${scope}.${name}`, file.name)
  }
  return homes
}

function referencesOf(file: FileDescriptorProto, homes: ReadonlyMap<string, string>): string[] {
  const types: string[] = []
  eachReference(clone(FileDescriptorProtoSchema, file), (type, scope) => {
    const full = qualify(type, scope, homes)
    types.push(full)
    return full
  })
  return types
}

function repair(source: FileDescriptorProto, homes: ReadonlyMap<string, string>): FileDescriptorProto {
  const file = clone(FileDescriptorProtoSchema, source)
  const needed = new Set<string>()
  eachReference(file, (type, scope) => {
    const full = qualify(type, scope, homes)
    needed.add(homes.get(full) ?? "")
    return full
  })
  for (const message of file.messageType) fillJsonNames(message)
  // Extensions serve options only, and their files are often not reflected.
  file.extension = []
  file.dependency = [...needed].filter((name) => name !== "" && name !== file.name)
  file.publicDependency = []
  file.weakDependency = []
  return file
}

/** Replaces each type name by what `change` says of it; the scope starts with a dot, or is empty. */
function eachReference(file: FileDescriptorProto, change: (type: string, scope: string) => string): void {
  const visit = (message: DescriptorProto, prefix: string): void => {
    const scope = `${prefix}.${message.name}`
    for (const field of message.field)
      if (field.typeName !== "") field.typeName = change(field.typeName, scope)
    for (const nested of message.nestedType) visit(nested, scope)
  }
  const scope = scopeOf(file)
  for (const message of file.messageType) visit(message, scope)
  for (const method of file.service.flatMap((service) => service.method)) {
    method.inputType = change(method.inputType, scope)
    method.outputType = change(method.outputType, scope)
  }
}

/** protobuf's rule: from the innermost scope outwards. A name that is found nowhere counts as complete. */
function qualify(type: string, scope: string, homes: ReadonlyMap<string, string>): string {
  if (type.startsWith(".")) return type
  for (let at = scope; ; at = at.slice(0, at.lastIndexOf("."))) {
    if (homes.has(`${at}.${type}`)) return `${at}.${type}`
    if (at === "") return `.${type}`
  }
}

function fillJsonNames(message: DescriptorProto): void {
  // Nothing of the message's own is known of them.
  message.extension = []
  for (const field of message.field) if (field.jsonName === "") field.jsonName = toJsonName(field)
  for (const nested of message.nestedType) fillJsonNames(nested)
}

function toJsonName({ name }: FieldDescriptorProto): string {
  return name.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase())
}

function scopeOf(file: FileDescriptorProto): string {
  return file.package === "" ? "" : `.${file.package}`
}

function hashOf(files: Files): string {
  const hash = createHash("sha256")
  for (const [name, file] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(name).update("\0").update(toBinary(FileDescriptorProtoSchema, file))
  return hash.digest("hex")
}

function invalid(message: string): Misconfigured {
  return new Misconfigured("grpc_descriptors_invalid", message)
}
