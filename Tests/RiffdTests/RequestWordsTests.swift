import Foundation
import FramedTransport
import GRPCCore
import GRPCProtobuf
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// What the daemon says of requests that are no requests.
  @Suite(.timeLimit(.minutes(1))) struct RequestWordsTests {
    /// Messages are bytes as they are.
    private struct RawCoding: MessageSerializer, MessageDeserializer {
      func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes {
        Bytes(message)
      }

      func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
        bytes.withUnsafeBytes { Array($0) }
      }
    }

    /// How a call of `method` with these messages fails.
    private func error(
      _ method: String, _ messages: [[UInt8]], on daemon: RunningDaemon
    ) async throws -> RPCError? {
      let transport = try FramedTransport.Client(path: daemon.socket)
      return await #expect(throws: RPCError.self) {
        try await withGRPCClient(transport: transport) { client in
          try await client.bidirectionalStreaming(
            request: StreamingClientRequest { writer in
              for message in messages { try await writer.write(message) }
            },
            descriptor: MethodDescriptor(fullyQualifiedService: "riff.v1.Riff", method: method),
            serializer: RawCoding(), deserializer: RawCoding(), options: .defaults
          ) { response in
            for try await _ in response.messages {}
          }
        }
      }
    }

    @Test func aRequestThatIsMissingDoubledOrGarbage() async throws {
      let daemon = try await RunningDaemon()
      for method in ["Status", "Generate"] {
        let none = try await self.error(method, [], on: daemon)
        #expect(none?.code == .internalError)
        #expect(none?.message.contains("\(method) takes one request, and none came") == true)
        let two = try await self.error(method, [[], []], on: daemon)
        #expect(two?.code == .internalError)
        #expect(two?.message.contains("\(method) takes one request, and a second one came") == true)
      }
      for method in ["Status", "Generate", "Render"] {
        let garbage = try await self.error(method, [[0x0a, 0xff, 0xff]], on: daemon)
        #expect(garbage?.code == .invalidArgument)
        #expect(
          garbage?.message == "message 1 of the request is not what riff.proto gives \(method)",
          "\(String(describing: garbage))")
      }
      #expect(daemon.program.isRunning)
    }

    @Test func violationsNameTheFieldByItsPath() async throws {
      let daemon = try await RunningDaemon()
      let render = Riff_V1_RenderRequest.with { $0.options.spectrogram.power = 9 }
      let analyze = Riff_V1_AnalyzeRequest.with { $0.options.spectrogram.melBins = 0 }
      let remix = Riff_V1_RemixRequest.with {
        $0.options.generate.prompt = "piano"
        $0.options.generate.steps = 0
      }
      let strength = Riff_V1_RemixRequest.with {
        $0.options.generate.prompt = "piano"
        $0.options.strength = 2
      }
      let png = try Data(contentsOf: URL(filePath: Self.picture))
      let chunk = try Riff_V1_RenderRequest.with { $0.chunk = png }.serializedBytes() as [UInt8]
      let sound =
        try Riff_V1_AnalyzeRequest.with { $0.chunk = Self.sound }.serializedBytes() as [UInt8]
      let cases: [(String, String, [UInt8], [UInt8])] = [
        ("Render", "options.spectrogram.power", try render.serializedBytes(), chunk),
        ("Analyze", "options.spectrogram.mel_bins", try analyze.serializedBytes(), sound),
        ("Remix", "options.generate.steps", try remix.serializedBytes(), sound),
        ("Remix", "options.strength", try strength.serializedBytes(), sound),
        (
          "Render", "chunk",
          try Riff_V1_RenderRequest.with { $0.options = .init() }.serializedBytes(),
          try Riff_V1_RenderRequest.with { $0.chunk = Data("no picture".utf8) }.serializedBytes()
        ),
        (
          "Analyze", "chunk",
          try Riff_V1_AnalyzeRequest.with { $0.options = .init() }.serializedBytes(),
          try Riff_V1_AnalyzeRequest.with { $0.chunk = Data("no sound".utf8) }.serializedBytes()
        ),
      ]
      for (method, path, options, chunk) in cases {
        let error = try await self.error(method, [options, chunk], on: daemon)
        #expect(error?.code == .invalidArgument, "\(method): \(String(describing: error))")
        let details = try #require(try error?.unpackGoogleRPCStatus()).details
        let violation = details.first?.badRequest?.violations.first
        #expect(violation?.field == path, "\(details)")
        #expect(violation?.violationDescription.contains("FieldViolation") == false)
      }
    }

    /// A second of silence as a WAV file.
    private static var sound: Data {
      func bytes(_ value: UInt32, _ count: UInt32) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      }
      let rate: UInt32 = 24_000
      let format = bytes(1, 2) + bytes(1, 2) + bytes(rate, 4) + bytes(2 * rate, 4) + bytes(2, 2)
      var file = Array("RIFF".utf8) + bytes(36 + 2 * rate, 4) + Array("WAVEfmt ".utf8)
      file += bytes(16, 4) + format + bytes(16, 2) + Array("data".utf8) + bytes(2 * rate, 4)
      return Data(file + [UInt8](repeating: 0, count: Int(2 * rate)))
    }

    private static let picture = Checkout.root + "/Tests/SpectrogramTests/Fixtures/tones.png"
  }
}
