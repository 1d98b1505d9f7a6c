import Foundation
import GRPCCore
import SwiftProtobuf
import GRPCProtobuf
import RiffProtocol
import Testing

extension DaemonTests {
  /// Generate through the real daemon and the real wire.
  @Suite struct GenerateTests {
    private func request(
      _ prompt: String, _ change: (inout Riff_V1_GenerateRequest) -> Void = { _ in }
    ) -> Riff_V1_GenerateRequest {
      var request = Riff_V1_GenerateRequest()
      request.prompt = prompt
      request.seed = 1
      request.steps = 2
      change(&request)
      return request
    }

    @Test func aPromptBecomesAnOpusStream() async throws {
      let daemon = try await RunningDaemon()
      let request = self.request("church bells") { $0.wantSpectrogram = true }
      let events = try await daemon.client { try await $0.events(request) }

      let order = events.compactMap { event -> String? in
        switch event.event {
        case .spectrogram: "spectrogram"
        case .audio: "audio"
        case .done: "done"
        case .started, .progress, .warning, .change, nil: nil
        }
      }
      #expect(order.first == "spectrogram")
      #expect(order.last == "done")
      #expect(order.filter { $0 == "spectrogram" }.count == 1)
      #expect(order.filter { $0 == "done" }.count == 1)
      let done = try #require(events.last).done
      #expect(done.seed == 1)
      #expect(done.channels == 1)
      // Every audio event holds whole pages.
      for event in events where !event.audio.isEmpty {
        #expect(Array(event.audio.prefix(4)) == Array("OggS".utf8))
      }

      let file = daemon.folder.file("bells.opus")
      try Data(events.audio).write(to: URL(filePath: file))
      let info = try await Program.run("opusinfo", [file])
      #expect(info.status == 0)
      let report = String(decoding: info.output, as: UTF8.self) + info.errors
      #expect(!report.contains("WARNING") && report.contains("church bells"), "\(report)")
      let decoded = try await Program.run(
        "ffmpeg", ["-v", "warning", "-i", file, "-f", "f32le", "-ac", "1", "-"])
      #expect(decoded.status == 0 && decoded.errors.isEmpty, "\(decoded.errors)")
      #expect(decoded.output.count == 4 * Int(done.durationSamples))
    }

    @Test func theFirstPageLeavesBeforeTheLastIsMade() async throws {
      let daemon = try await RunningDaemon()
      let request = self.request("slow piano") { $0.durationSeconds = 15 }
      // How far the sound was when the first page of sound came.
      let events = try await daemon.client { try await $0.events(request) }
      let firstAudio = try #require(events.firstIndex { $0.audio.count > 400 })
      let soundAfter = events[firstAudio...].compactMap { event -> Double? in
        if case .progress(let progress) = event.event { progress.secondsDone } else { nil }
      }
      #expect(try #require(soundAfter.first) < 8)
      #expect(try #require(soundAfter.last) == 15)
      #expect(events.last?.done.durationSamples == 15 * 48_000)
    }

    @Test func theSameSeedGivesTheSamePictureAlsoAfterARestart() async throws {
      let request = self.request("violin solo") { $0.output = .none }
      func picture(
        _ daemon: RunningDaemon, _ request: Riff_V1_GenerateRequest
      ) async throws -> [UInt8] {
        let events = try await daemon.client { try await $0.events(request) }
        let png = try #require(events.first { !$0.spectrogram.isEmpty }).spectrogram
        return Self.pixels(Array(png))
      }
      let first = try await RunningDaemon()
      let one = try await picture(first, request)
      #expect(try await picture(first, request) == one)
      let second = try await RunningDaemon()
      #expect(try await picture(second, request) == one)

      var other = request
      other.seed = 1 + 1 << 32
      #expect(try await picture(second, other) == one)
      other.seed = 2
      #expect(try await picture(second, other) != one)
    }

    /// A PNG's pixels, compressed as they are: what it says of itself differs with the seed.
    private static func pixels(_ png: [UInt8]) -> [UInt8] {
      var pixels: [UInt8] = []
      var place = 8
      while place + 12 <= png.count {
        var length = 0
        for byte in png[place..<(place + 4)] { length = length << 8 | Int(byte) }
        let kind = Array(png[(place + 4)..<(place + 8)])
        let end = min(place + 8 + length, png.count)
        if kind == Array("IDAT".utf8) { pixels += png[(place + 8)..<end] }
        place += 12 + length
      }
      return pixels
    }

    @Test func badRequestsGetAStatusThatNamesTheField() async throws {
      let daemon = try await RunningDaemon()
      let cases: [(String, RPCError.Code, Riff_V1_GenerateRequest)] = [
        ("model", .notFound, self.request("piano") { $0.model = "nothing" }),
        ("steps", .invalidArgument, self.request("piano") { $0.steps = 0 }),
        ("steps", .invalidArgument, self.request("piano") { $0.steps = 10_000 }),
        ("guidance_scale", .invalidArgument, self.request("piano") { $0.guidanceScale = .nan }),
        ("width", .invalidArgument, self.request("piano") { $0.width = 101 }),
        (
          "duration_seconds", .invalidArgument,
          self.request("piano") {
            $0.width = 256
            $0.durationSeconds = 5
          }
        ),
        ("prompt", .invalidArgument, self.request("")),
        ("prompt", .invalidArgument, self.request(String(repeating: "a", count: 100_000))),
        ("opus.bitrate", .invalidArgument, self.request("piano") { $0.opus.bitrate = 1 }),
        ("output", .invalidArgument, self.request("piano") { $0.output = .UNRECOGNIZED(99) }),
        ("quality", .invalidArgument, self.request("piano") { $0.quality = .UNRECOGNIZED(99) }),
      ]
      for (field, code, request) in cases {
        let error = await #expect(throws: RPCError.self) {
          try await daemon.client { try await $0.events(request) }
        }
        #expect(error?.code == code)
        #expect(error?.message.contains(field) == true, "\(String(describing: error))")
        let details = try #require(try error?.unpackGoogleRPCStatus()).details
        #expect(details.first?.badRequest?.violations.first?.field == field)
      }
      #expect(try await daemon.status().jobs.isEmpty)
      #expect(daemon.program.isRunning)
    }

    @Test func aBrokenCheckpointIsRefusedAndTheOthersPlayOn() async throws {
      let folder = try TemporaryFolder()
      for (name, damage) in [("cut", Damage.truncated), ("huge", Damage.hugeHeader)] {
        try FileManager.default.copyItem(
          atPath: Checkout.bundledModel, toPath: folder.file(name))
        try damage.apply(
          to: folder.file("\(name)/unet/diffusion_pytorch_model.safetensors"))
      }
      let daemon = try await RunningDaemon(models: [
        ("cut", folder.file("cut")), ("huge", folder.file("huge")),
        ("absent", folder.file("absent")), ("good", Checkout.bundledModel),
      ])
      for name in ["cut", "huge", "absent"] {
        let request = self.request("piano") { $0.model = name }
        let error = await #expect(throws: RPCError.self) {
          try await daemon.client { try await $0.events(request) }
        }
        #expect(error?.code == .failedPrecondition)
        let file = name == "absent" ? "absent" : "diffusion_pytorch_model.safetensors"
        #expect(error?.message.contains(file) == true, "\(String(describing: error))")
      }
      let request = self.request("piano") {
        $0.model = "good"
        $0.output = .none
      }
      let events = try await daemon.client { try await $0.events(request) }
      #expect(events.contains { !$0.spectrogram.isEmpty })
      let models = try await daemon.client {
        try await $0.listModels(Riff_V1_ListModelsRequest()).models
      }
      #expect(models.map(\.name) == ["cut", "huge", "absent", "good"])
      #expect(!models[2].problem.isEmpty)
      #expect(models[3].problem.isEmpty && models[3].widthMultiple > 0)
    }

    private enum Damage {
      case truncated, hugeHeader

      func apply(to path: String) throws {
        let url = URL(filePath: path)
        var data = try Data(contentsOf: url)
        switch self {
        case .truncated: data = data.prefix(data.count / 2)
        // The header's length, little endian: 2^60.
        case .hugeHeader: data.replaceSubrange(0..<8, with: [0, 0, 0, 0, 0, 0, 0, 0x10])
        }
        try data.write(to: url)
      }
    }
  }
}
