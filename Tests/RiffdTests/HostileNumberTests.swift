import Foundation
import GRPCCore
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// Each number of each request as large, as small and as wrong as the wire allows: every call ends in a
  /// status that blames it or in OK, and the daemon lives.
  @Suite(.timeLimit(.minutes(15))) struct HostileNumberTests {
    typealias Client = RunningDaemon.Client

    private static func varint(_ value: UInt64) -> [UInt8] {
      value < 0x80
        ? [UInt8(value)] : [UInt8(truncatingIfNeeded: value) | 0x80] + self.varint(value >> 7)
    }

    private static func little(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// Wire types, and numbers of each.
    private static let values: [(type: UInt64, bytes: [UInt8])] = {
      let integers: [UInt64] = [0, 1, 1 << 31, UInt64(UInt32.max), .max]
      let doubles: [Double] = [.nan, .infinity, 1e300, 1e19, .leastNonzeroMagnitude, -1]
      let floats: [Float] = [.nan, .infinity, 3e38, .leastNonzeroMagnitude, -1]
      var values: [(type: UInt64, bytes: [UInt8])] = []
      for value in integers { values.append((0, varint(value))) }
      for value in doubles { values.append((1, little(value.bitPattern))) }
      for value in floats { values.append((5, little(value.bitPattern))) }
      return values
    }()

    /// The message with each of its own numbers in turn set to each value: the last one on the wire counts.
    private static func changed<M: SwiftProtobuf.Message & Equatable>(_ message: M) throws -> [M] {
      let bytes: [UInt8] = try message.serializedBytes()
      var messages: [M] = []
      for number in UInt64(1)...40 {
        for value in self.values {
          let field = self.varint(number << 3 | value.type) + value.bytes
          let changed = try M(serializedBytes: bytes + field)
          // Else there is another kind of field, or none.
          if changed.unknownFields.data.isEmpty, changed != message { messages.append(changed) }
        }
      }
      return messages
    }

    /// Makes a call with each request.
    private func call<Request: Sendable>(
      _ daemon: RunningDaemon, _ requests: [Request],
      _ call: @escaping @Sendable (Client, Request) async throws -> Void
    ) async throws {
      let blame: [RPCError.Code] = [.invalidArgument, .notFound, .resourceExhausted]
      #expect(requests.count >= 5)
      try await daemon.client { client in
        for request in requests {
          do {
            try await call(client, request)
          } catch let error as RPCError {
            #expect(blame.contains(error.code), "\(request): \(error)")
          }
          try #require(daemon.program.isRunning, "\(request): \(daemon.program.errors)")
        }
      }
      #expect(try await daemon.status().jobs.isEmpty)
    }

    private static let generate = Riff_V1_GenerateRequest.with {
      $0.prompt = "harp"
      $0.steps = 1
      $0.durationSeconds = 0.3
      $0.quality = .draft
    }

    /// A second of sound whose file does not tell its length, as a pipe leaves it.
    private static func sound() async throws -> Data {
      let made = try await Program.run(
        "ffmpeg",
        ["-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=1", "-f", "flac", "-"])
      try #require(made.status == 0, "\(made.errors)")
      // STREAMINFO (RFC 9639, section 8.2): 36 bits of length.
      try #require(made.output[21] & 0xF == 0 && made.output[22..<26].allSatisfy { $0 == 0 })
      return Data(made.output)
    }

    @Test func ofGenerate() async throws {
      let daemon = try await RunningDaemon()
      let opus = try Self.changed(Riff_V1_OpusOptions()).map { options in
        Self.generate.changed { $0.opus = options }
      }
      let mp3 = try Self.changed(Riff_V1_MP3Options()).map { options in
        Self.generate.changed {
          $0.output = .mp3
          $0.mp3 = options
        }
      }
      // With bars, a tempo is needed.
      let bars = Self.generate.changed {
        $0.clearDurationSeconds()
        $0.bpm = 300
        $0.bars = 1
      }
      let requests = try Self.changed(Self.generate) + Self.changed(bars) + opus + mp3
      try await self.call(daemon, requests) { client, request in
        _ = try await client.events(request)
      }
    }

    @Test func ofRemix() async throws {
      let daemon = try await RunningDaemon()
      let sound = try await Self.sound()
      let window = Riff_V1_RemixOptions.with { $0.generate = Self.generate }
      let whole = window.changed {
        $0.generate.clearDurationSeconds()
        $0.span = .init()
      }
      let spans = try Self.changed(Riff_V1_Span()).flatMap { span in
        [whole.changed { $0.span = span }, whole.changed { $0.keepTime = [span] }]
      }
      let requests = try Self.changed(window) + Self.changed(whole) + spans
      try await self.call(daemon, requests) { client, options in
        try await client.remix(
          requestProducer: { writer in
            try await writer.write(.with { $0.options = options })
            try await writer.write(.with { $0.chunk = sound })
          },
          onResponse: { response in for try await _ in response.messages {} })
      }
    }

    @Test func ofMorph() async throws {
      let daemon = try await RunningDaemon()
      let morph = Riff_V1_MorphOptions.with {
        $0.generate = Self.generate.changed {
          $0.prompt = ""
          $0.clearDurationSeconds()
        }
        $0.from.prompt = "harp"
        $0.to.prompt = "rain"
        $0.clips = 1
      }
      let ends = try Self.changed(morph.from).flatMap { end in
        [morph.changed { $0.from = end }, morph.changed { $0.to = end }]
      }
      try await self.call(daemon, Self.changed(morph) + ends) { client, options in
        try await client.morph(
          requestProducer: { writer in try await writer.write(.with { $0.options = options }) },
          onResponse: { response in for try await _ in response.messages {} })
      }
    }

    @Test func ofAnalyzeAndRender() async throws {
      let daemon = try await RunningDaemon()
      let sound = try await Self.sound()
      let settings = try Self.changed(Riff_V1_SpectrogramOptions())
      let none = Riff_V1_AnalyzeOptions()
      let analyses =
        try settings.map { spectrogram in none.changed { $0.spectrogram = spectrogram } }
        + Self.changed(Riff_V1_Span()).map { span in none.changed { $0.span = span } }
      try await self.call(daemon, analyses) { client, options in
        _ = try await client.analyze(requestProducer: { writer in
          try await writer.write(.with { $0.options = options })
          try await writer.write(.with { $0.chunk = sound })
        })
      }
      let picture = try await daemon.client { client in
        try await client.analyze(requestProducer: { writer in
          try await writer.write(.with { $0.options = .init() })
          try await writer.write(.with { $0.chunk = sound })
        }).png
      }
      let draft = Riff_V1_RenderOptions.with { $0.quality = .draft }
      let renders =
        try Self.changed(draft)
        + settings.map { spectrogram in draft.changed { $0.spectrogram = spectrogram } }
      try await self.call(daemon, renders) { client, options in
        try await client.render(
          requestProducer: { writer in
            try await writer.write(.with { $0.options = options })
            try await writer.write(.with { $0.chunk = picture })
          },
          onResponse: { response in for try await _ in response.messages {} })
      }
    }

    @Test func ofJamsAndTheRest() async throws {
      let daemon = try await RunningDaemon()
      let changes = try Self.changed(Riff_V1_JamChange.with { $0.id = 1 })
      try await self.call(daemon, [changes, [], [], [], []]) { client, changes in
        try await client.jam(
          requestProducer: { writer in
            try await writer.write(
              .with {
                $0.start.generate = Self.generate.changed { $0.clearDurationSeconds() }
                $0.start.unpaced = true
              })
            for change in changes { try await writer.write(.with { $0.change = change }) }
            try await writer.write(.with { $0.playedSamples = .max })
            try await writer.write(.with { $0.stop = .init() })
          },
          onResponse: { response in for try await _ in response.messages {} })
      }
      let loads = try Self.changed(Riff_V1_LoadModelRequest.with { $0.model = "riff-mini" })
      try await self.call(daemon, loads) { client, request in
        try await client.loadModel(request) { response in
          for try await _ in response.messages {}
        }
      }
      // A watch that is let in has no end: one answer is enough.
      let watches = try Self.changed(Riff_V1_WatchStatusRequest())
      try await self.call(daemon, watches) { client, request in
        try await client.watchStatus(request) { response in
          for try await _ in response.messages { break }
        }
      }
      let cancels = try Self.changed(Riff_V1_CancelJobRequest())
      #expect(!cancels.isEmpty)
      for request in cancels {
        await #expect(throws: RPCError.self) {
          try await daemon.client { _ = try await $0.cancelJob(request) }
        }
      }
      #expect(daemon.program.isRunning)
    }
  }
}

extension SwiftProtobuf.Message {
  /// A copy with something else in it.
  fileprivate func changed(_ body: (inout Self) -> Void) -> Self {
    var copy = self
    body(&copy)
    return copy
  }
}
