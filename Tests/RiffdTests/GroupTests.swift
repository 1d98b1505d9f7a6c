import Foundation
import FramedTransport
import Testing

extension DaemonTests {
  /// Who gets in, tried with a real second user, whom only root can make.
  @Suite(
    .enabled(if: geteuid() == 0, "needs root: setpriv makes the second user"),
    .timeLimit(.minutes(2)))
  struct GroupTests {
    private static let nobody = "65534"
    /// "users", where it has its usual number.
    private static let group = "100"

    /// A folder that others get to, with what they run.
    private let folder: TemporaryFolder
    private var socket: String { self.folder.file("shared/s") }

    init() throws {
      self.folder = try TemporaryFolder()
      chmod(self.folder.path, 0o755)
      try FileManager.default.copyItem(
        atPath: Checkout.program("riff"), toPath: self.folder.file("riff"))
    }

    private func start(_ arguments: [String]) async throws -> Program {
      let daemon = try Program(
        Checkout.program("riffd"),
        ["--socket", self.socket, "--model", "riff-mini=\(Checkout.bundledModel)"] + arguments)
      while !SocketPlace.isLive(try SocketPath(self.socket)) {
        try #require(daemon.isRunning, "\(daemon.errors)")
        try await Task.sleep(for: .milliseconds(10))
      }
      return daemon
    }

    /// Runs a program as the second user, in this supplementary group or in none.
    private func other(
      in group: String?, _ program: [String], environment: [String: String] = [:]
    ) async throws -> Program.Result {
      try await Program.run(
        "/usr/bin/env",
        [
          "setpriv", "--reuid", Self.nobody, "--regid", Self.nobody,
          group.map { "--groups=" + $0 } ?? "--clear-groups",
        ] + program, environment: environment)
    }

    private func riff(
      in group: String?, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> Program.Result {
      try await self.other(
        in: group, [self.folder.file("riff")] + arguments, environment: environment)
    }

    private func owner(_ path: String) throws -> String {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      let mode = try #require(attributes[.posixPermissions] as? NSNumber).intValue
      let group = try #require(attributes[.groupOwnerAccountID] as? NSNumber).intValue
      return "\(String(mode, radix: 8)) \(group)"
    }

    @Test func whoIsInTheGroupGetsIn() async throws {
      let daemon = try await self.start(["--allow-group", Self.group])
      defer { daemon.signal(SIGKILL) }
      #expect(try self.owner(self.folder.file("shared")) == "750 \(Self.group)")
      #expect(try self.owner(self.socket) == "660 \(Self.group)")
      #expect(try self.owner(self.socket + ".lock").hasPrefix("600 "))
      let named = ["--socket", self.socket, "--allow-group", Self.group]

      let models = try await self.riff(in: Self.group, named + ["models"])
      #expect(models.status == 0, "\(models.errors)")
      #expect(String(decoding: models.output, as: UTF8.self).hasPrefix("riff-mini:"))
      let status = try await self.riff(
        in: Self.group, ["status"],
        environment: ["RIFF_SOCKET": self.socket, "RIFF_ALLOW_GROUP": Self.group])
      #expect(status.status == 0, "\(status.errors)")
      // Using it is not ending it.
      let stop = try await self.riff(in: Self.group, named + ["stop"])
      #expect(stop.status == 1)
      #expect(daemon.isRunning)

      // Not in the group, or without a word about it.
      let outside = try await self.riff(in: nil, named + ["models"])
      #expect(outside.status == 1)
      #expect(outside.errors.contains("ermission denied"), "\(outside.errors)")
      let unnamed = try await self.riff(in: Self.group, ["--socket", self.socket, "models"])
      #expect(unnamed.status == 1)
      #expect(unnamed.errors.contains("belongs to user 0"), "\(unnamed.errors)")
      // Everybody in the group can make a folder at a standard path.
      let standard = try await self.riff(in: Self.group, ["--allow-group", Self.group, "models"])
      #expect(standard.status == 1)
      #expect(standard.errors.contains("needs --socket"), "\(standard.errors)")

      // Its own user needs no group.
      let own = try await Program.run(
        Checkout.program("riff"), ["--socket", self.socket, "models"])
      #expect(own.status == 0, "\(own.errors)")
      let restart = try await Program.run(
        Checkout.program("riff"), ["--socket", self.socket, "restart"])
      #expect(restart.status == 0, "\(restart.errors)")
      #expect(try self.owner(self.socket) == "660 \(Self.group)")
      let again = try await self.riff(in: Self.group, named + ["models"])
      #expect(again.status == 0, "\(again.errors)")
      let end = try await Program.run(Checkout.program("riff"), ["--socket", self.socket, "stop"])
      #expect(end.status == 0, "\(end.errors)")
    }

    /// Even where folder and socket let somebody through, the daemon asks the kernel who it is.
    @Test(arguments: [[], ["--allow-group", group]])
    func anotherUserIsRefused(arguments: [String]) async throws {
      let daemon = try await self.start(arguments)
      defer { daemon.signal(SIGKILL) }
      chmod(self.folder.file("shared"), 0o755)
      chmod(self.socket, 0o666)
      let script = """
        import socket, sys
        link = socket.socket(socket.AF_UNIX)
        link.connect(sys.argv[1])
        link.sendall(b"RIFD\\0\\1\\0\\0")
        link.settimeout(60)
        data = b""
        while part := link.recv(4096): data += part
        print(data)
        """
      let answer = try await self.other(in: nil, ["/usr/bin/python3", "-c", script, self.socket])
      let text = String(decoding: answer.output, as: UTF8.self)
      #expect(text.contains("runs as user \(Self.nobody)"), "\(text) \(answer.errors)")
      // GO_AWAY with reason PERMISSION_DENIED, which is 5.
      #expect(text.contains("\\x10\\x05"), "\(text)")
    }

    @Test func aFolderThatIsNotTheGroupsIsRefused() async throws {
      try FileManager.default.createDirectory(
        atPath: self.folder.file("shared"), withIntermediateDirectories: false,
        attributes: [.posixPermissions: 0o700])
      let private700 = try await Program.run(
        Checkout.program("riffd"), ["--socket", self.socket, "--allow-group", Self.group])
      #expect(private700.status != 0)
      #expect(private700.errors.contains("mode 0750"), "\(private700.errors)")
      let unknown = try await Program.run(
        Checkout.program("riffd"), ["--socket", self.socket, "--allow-group", "no such group"])
      #expect(unknown.status != 0)
      #expect(unknown.errors.contains("there is no group “no such group”"), "\(unknown.errors)")
      let standard = try await Program.run(
        Checkout.program("riffd"), ["--allow-group", Self.group], environment: ["RIFF_SOCKET": ""])
      #expect(standard.status == 64, "\(standard.errors)")
      #expect(standard.errors.contains("--allow-group needs --socket"), "\(standard.errors)")
    }
  }
}
