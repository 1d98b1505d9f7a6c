import Foundation
import FramedTransport
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// Where daemon and clients meet, and what becomes of that while they live.
  @Suite(.timeLimit(.minutes(2))) struct PlaceTests {
    private static func start(_ socket: String) throws -> Program {
      try Program(
        Checkout.program("riffd"),
        ["--socket", socket, "--model", "riff-mini=\(Checkout.bundledModel)"])
    }

    private static func wait(for program: Program, on socket: String) async throws {
      while !SocketPlace.isLive(try SocketPath(socket)) {
        try #require(program.isRunning, "\(program.errors)")
        try await Task.sleep(for: .milliseconds(10))
      }
    }

    @Test func aSocketThatWasRemovedComesBack() async throws {
      let daemon = try await RunningDaemon()
      try FileManager.default.removeItem(atPath: daemon.socket)
      try await Self.wait(for: daemon.program, on: daemon.socket)
      #expect(try await daemon.status().pid == UInt32(daemon.program.pid))
      // And with folder and lock.
      try FileManager.default.removeItem(atPath: daemon.folder.path)
      try await Self.wait(for: daemon.program, on: daemon.socket)
      #expect(try await daemon.status().pid == UInt32(daemon.program.pid))
      // The lock is held again, too.
      #expect(
        try SocketLock.holder(beside: SocketPath(daemon.socket))?.processID == daemon.program.pid)
      daemon.program.signal(SIGTERM)
      #expect(try await daemon.program.result().status == 0)
      #expect(!FileManager.default.fileExists(atPath: daemon.socket))
    }

    @Test func aDaemonWhosePlaceIsTakenEndsInGoodOrder() async throws {
      let daemon = try await RunningDaemon(arguments: ["--grace", "300"])
      // Stopped, it cannot come back before the other one is there.
      daemon.program.signal(SIGSTOP)
      try FileManager.default.removeItem(atPath: daemon.folder.path)
      let other = try Self.start(daemon.socket)
      defer { other.signal(SIGKILL) }
      try await Self.wait(for: other, on: daemon.socket)
      daemon.program.signal(SIGCONT)
      let end = try await daemon.program.result()
      #expect(end.status == 0)
      #expect(end.errors.contains("ending"), "\(end.errors)")
      // The other's socket is left alone.
      #expect(try await daemon.status().pid == UInt32(other.pid))
    }

    @Test func aNewDaemonWaitsForTheOldOnesGrace() async throws {
      let daemon = try await RunningDaemon(arguments: ["--grace", "300"])
      let request = Riff_V1_GenerateRequest.with {
        $0.prompt = "endless strings"
        $0.steps = 1_000
      }
      let call = Task { try await daemon.client { try await $0.events(request) } }
      try await daemon.waitForDenoising()
      daemon.program.signal(SIGTERM)
      while SocketPlace.isLive(try SocketPath(daemon.socket)) {
        try await Task.sleep(for: .milliseconds(10))
      }
      let next = try Self.start(daemon.socket)
      defer { next.signal(SIGKILL) }
      while !next.errors.contains("waiting") {
        try #require(next.isRunning, "\(next.errors)")
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(daemon.program.isRunning)
      call.cancel()
      #expect(try await daemon.program.result().status == 0)
      try await Self.wait(for: next, on: daemon.socket)
      #expect(try await daemon.status().pid == UInt32(next.pid))
    }

    @Test func stopAndRestartGoByTheLock() async throws {
      // A path that only the folder of the daemon's start explains.
      let folder = try TemporaryFolder()
      let socket = folder.file("riffd.sock")
      try FileManager.default.createSymbolicLink(
        atPath: folder.file("model"), withDestinationPath: Checkout.bundledModel)
      let daemon = try Program(
        "/bin/sh",
        [
          "-c", "cd \(folder.path) && exec \"$0\" --socket \(socket) --model mine=model",
          Checkout.program("riffd"),
        ])
      defer { daemon.signal(SIGKILL) }
      try await Self.wait(for: daemon, on: socket)
      let cwd = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(daemon.pid)/cwd")
      #expect(cwd == "/")
      let riff = try Checkout.program("riff")
      let restart = try await Program.run(riff, ["--socket", socket, "restart"])
      #expect(restart.status == 0, "\(restart.errors)")
      #expect(try await daemon.result().status == 0)
      let pid = try #require(try SocketLock.holder(beside: SocketPath(socket))?.processID)
      #expect(pid != daemon.pid)
      let models = try await Program.run(riff, ["--socket", socket, "models"])
      #expect(String(decoding: models.output, as: UTF8.self).hasPrefix("mine:"), "\(models.errors)")
      let status = try await Program.run(riff, ["--socket", socket, "status"])
      #expect(
        String(decoding: status.output, as: UTF8.self).contains("log: \(socket).log"),
        "\(status.errors)")
      let stop = try await Program.run(riff, ["--socket", socket, "stop"])
      #expect(stop.status == 0 && String(decoding: stop.output, as: UTF8.self).contains("\(pid)"))
      while kill(pid, 0) == 0 { try await Task.sleep(for: .milliseconds(10)) }
      let again = try await Program.run(riff, ["--socket", socket, "stop"])
      #expect(again.status == 0)
      #expect(String(decoding: again.output, as: UTF8.self).contains("no riffd is running"))
    }

    /// Whoever upgrades has the old daemon running, with models in memory, until somebody ends it.
    @Test func anOldDaemonIsToldOf() async throws {
      let folder = try TemporaryFolder()
      let socket = folder.file("riffd.sock")
      let program = folder.file("riffd")
      let build = try Checkout.program("riffd")
      try FileManager.default.copyItem(atPath: build, toPath: program)
      let daemon = try Program(
        program, ["--socket", socket, "--model", "riff-mini=\(Checkout.bundledModel)"])
      defer { daemon.signal(SIGKILL) }
      try await Self.wait(for: daemon, on: socket)
      func errors(_ arguments: [String] = []) async throws -> String {
        let result = try await Program.run(
          Checkout.program("riff"), ["--socket", socket, "models"] + arguments)
        #expect(result.status == 0, "\(result.errors)")
        return result.errors
      }
      #expect(try await errors() == "")

      // An upgrade renames the new program over the old one.
      try FileManager.default.copyItem(atPath: build, toPath: program + ".new")
      #expect(rename(program + ".new", program) == 0)
      let upgraded = try await errors()
      #expect(upgraded.contains("upgraded while it ran"), "\(upgraded)")
      #expect(upgraded.contains("“riff restart”"), "\(upgraded)")

      // Versions, as the lock file tells them.
      func rewrite(_ lines: String) throws {
        let file = try #require(FileHandle(forWritingAtPath: socket + ".lock"))
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: Data("\(daemon.pid)\n/\n\(lines)".utf8))
      }
      try rewrite("riffd 0.0.9\n")
      let older = try await errors()
      #expect(older.contains("version 0.0.9, older than this riff"), "\(older)")
      #expect(older.contains("“riff restart”"), "\(older)")
      let object = try JSONSerialization.jsonObject(with: Data(try await errors(["--json"]).utf8))
      let warning = (object as? [String: [String: String]])?["warning"]?["message"]
      #expect(warning?.contains("version 0.0.9") == true)
      // 0.10 comes after 0.9.
      try rewrite("riffd 0.10.0\n")
      let newer = try await errors()
      #expect(newer.contains("newer than this riff"), "\(newer)")
      // A daemon from before they told.
      try rewrite("")
      let silent = try await errors()
      #expect(silent.contains("is older than this riff"), "\(silent)")
    }

    @Test func theStandardPathFollowsTheRuntimeFolder() async throws {
      let folder = try TemporaryFolder()
      func path(_ variables: [String: String]) -> String {
        RiffSocket.standardPath { variables[$0] }
      }
      let own = "/tmp/riffd-\(getuid())/riffd.sock"
      #expect(path(["RIFF_SOCKET": "/a/b", "XDG_RUNTIME_DIR": folder.path]) == "/a/b")
      #expect(
        path(["RIFF_SOCKET": "", "XDG_RUNTIME_DIR": folder.path]) == folder.file("riffd.sock"))
      chmod(folder.path, 0o755)
      let below = folder.file("riffd/riffd.sock")
      #expect(path(["XDG_RUNTIME_DIR": folder.path]) == below)
      // Where others may write, they could have made the folder below.
      chmod(folder.path, 0o1777)
      #expect(path(["XDG_RUNTIME_DIR": folder.path]) == own)
      chmod(folder.path, 0o755)
      // A link, or nothing at all.
      symlink(folder.path, folder.file("link"))
      #expect(path(["XDG_RUNTIME_DIR": folder.file("link")]) == own)
      #expect(path(["XDG_RUNTIME_DIR": folder.file("nothing")]) == own)
      #expect(path(["XDG_RUNTIME_DIR": ""]) == own)

      // All three clients and the daemon find each other there.
      let environment = [
        "RIFF_SOCKET": "", "XDG_RUNTIME_DIR": folder.path,
        "RIFF_MODELS": Checkout.root + "/Models",
      ]
      let riff = try Checkout.program("riff")
      let models = try await Program.run(riff, ["models"], environment: environment)
      #expect(models.status == 0, "\(models.errors)")
      #expect(SocketPlace.isLive(try SocketPath(below)))
      let python = try await Program.run(
        "python3", [Checkout.pythonClient, "status"], environment: environment)
      #expect(python.status == 0, "\(python.errors)")
      let stop = try await Program.run(riff, ["stop"], environment: environment)
      #expect(stop.status == 0, "\(stop.errors)")
    }
  }
}
