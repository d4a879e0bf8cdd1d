import { expect, test } from "vitest"
import type { Session } from "./database.ts"
import { createBarrierInstall } from "./install-barrier.ts"

const never = <T>() => new Promise<T>(() => {})

/** What is done with it stands in `ends`. */
function sessionOf(run: Session["run"]) {
  const ends: string[] = []
  const session: Session = {
    run,
    read: never,
    begin: never,
    commit: never,
    rollBack: never,
    cancel: async () => void ends.push("cancel"),
    release: () => void ends.push("release"),
    discard: () => void ends.push("discard"),
  }
  return { session, ends }
}

const found: Session["run"] = async () => ({ rows: [{ found: true }], count: 1 })

test("a set-up whose statement hangs is given up for all who wait, and the next one is an attempt of its own", async () => {
  const hung = sessionOf(never)
  const whole = sessionOf(found)
  const opened = [hung.session, whole.session]
  const ensure = createBarrierInstall("postgres", async () => opened.shift() ?? never<Session>(), 20)
  const late = "within 20 ms"
  await Promise.all([expect(ensure()).rejects.toThrow(late), expect(ensure()).rejects.toThrow(late)])
  expect(hung.ends).toEqual(["cancel", "discard"])
  expect(await ensure()).toBe("was_there")
  expect(whole.ends).toEqual(["release"])
})

test("a connection that comes too late for the set-up goes back to the pool", async () => {
  const { session, ends } = sessionOf(found)
  let open = (_session: Session): void => undefined
  const opening = new Promise<Session>((resolve) => (open = resolve))
  const ensure = createBarrierInstall("mysql", () => opening, 20)
  await expect(ensure()).rejects.toThrow("within 20 ms")
  open(session)
  await opening
  expect(ends).toEqual(["release"])
})
