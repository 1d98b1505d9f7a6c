import Foundation
import FramedTransport
import GRPCCore
import SwiftProtobuf
import RiffProtocol
import Testing

/// A real `riffd` on a socket of its own, ended with its owner.
final class RunningDaemon: Sendable {
  typealias Client = Riff_V1_Riff.Client<FramedTransport.Client>

  let socket: String
  let program: Program
  let folder: TemporaryFolder

  /// Starts a daemon with no models but these and waits until it listens.
  init(
    models: [(name: String, directory: String)] = [("riff-mini", Checkout.bundledModel)],
    arguments: [String] = ["--no-bundled-models"], environment: [String: String] = [:]
  ) async throws {
    self.folder = try TemporaryFolder()
    self.socket = self.folder.file("riffd.sock")
    self.program = try Program(
      Checkout.program("riffd"),
      ["--socket", self.socket, "--threads", "2"]
        + models.flatMap { ["--model", "\($0.name)=\($0.directory)"] } + arguments,
      environment: environment)
    // The file is there a moment before somebody listens.
    let path = try SocketPath(self.socket)
    while !SocketPlace.isLive(path) {
      try #require(self.program.isRunning, "riffd ended: \(self.program.errors)")
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  deinit {
    self.program.signal(SIGKILL)
  }

  /// Connects, runs `work`, disconnects.
  func client<R: Sendable>(
    _ work: @escaping @Sendable (Client) async throws -> R
  ) async throws -> R {
    try await withGRPCClient(transport: FramedTransport.Client(path: self.socket)) {
      try await work(Riff_V1_Riff.Client(wrapping: $0))
    }
  }

  /// Runs the CLI against this daemon.
  func riff(_ arguments: [String]) async throws -> Program.Result {
    try await Program.run(Checkout.program("riff"), ["--socket", self.socket] + arguments)
  }

  func status() async throws -> Riff_V1_StatusResponse {
    try await self.client { try await $0.status(Riff_V1_StatusRequest()) }
  }

  /// Waits until a job is denoising.
  func waitForDenoising() async throws {
    while try await self.status().jobs.first?.progress.stage != .denoising {
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Waits until no job is left.
  func waitForSilence() async throws -> Riff_V1_StatusResponse {
    while true {
      let status = try await self.status()
      if status.jobs.isEmpty { return status }
      try await Task.sleep(for: .milliseconds(20))
    }
  }
}

extension RunningDaemon.Client {
  /// All events of a Generate call.
  func events(_ request: Riff_V1_GenerateRequest) async throws -> [Riff_V1_JobEvent] {
    try await self.generate(request) { response in
      var events: [Riff_V1_JobEvent] = []
      for try await event in response.messages { events.append(event) }
      return events
    }
  }
}

extension [Riff_V1_JobEvent] {
  /// The audio events' bytes in one.
  var audio: [UInt8] { self.reduce(into: []) { $0 += $1.audio } }
}
