import FramedTransport
import GRPCCore
import NIOCore
import NIOHTTP1
import RiffProtocol
import SwiftProtobuf

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Requests of the page as calls of the daemon, whose answers stream back as frames.
struct JobCalls: Sendable {
  typealias Daemon = Riff_V1_Riff.Client<FramedTransport.Client>

  var daemon: Daemon
  var takes: Takes
  private let jams = Jams()

  init(daemon: Daemon, takes: Takes) {
    self.daemon = daemon
    self.takes = takes
  }

  /// Most bytes of a request's JSON; a mask is in it.
  static let messageLimit = 1 << 20

  func status() async throws -> String {
    try await self.daemon.status(Riff_V1_StatusRequest()).jsonString()
  }

  func models() async throws -> String {
    try await self.daemon.listModels(Riff_V1_ListModelsRequest()).jsonString()
  }

  // MARK: Jobs. Each answer is a stream of frames and ends with one that says how it went.

  func generate(_ request: WebRequest, _ responder: WebResponder) async throws {
    var message: Riff_V1_GenerateRequest = try Self.message(
      try await request.wholeBody(limit: Self.messageLimit))
    Self.chooseOutput(&message)
    let (call, events) = (message, JobFrames(responder, takes: self.takes, method: "Generate"))
    try await events.run {
      try await self.daemon.generate(call) { try await events.send($0) }
    }
  }

  func remix(_ request: WebRequest, _ responder: WebResponder) async throws {
    let head = try await UploadHead(request.body)
    var options: Riff_V1_RemixOptions = try Self.message(head.json)
    Self.chooseOutput(&options.generate)
    let (first, events) = (options, JobFrames(responder, takes: self.takes, method: "Remix"))
    try await events.run {
      try await self.daemon.remix(
        requestProducer: { writer in
          try await writer.write(.with { $0.options = first })
          try await head.pieces { piece in try await writer.write(.with { $0.chunk = piece }) }
        },
        onResponse: { try await events.send($0) })
    }
  }

  func morph(_ request: WebRequest, _ responder: WebResponder) async throws {
    let head = try await UploadHead(request.body)
    var options: Riff_V1_MorphOptions = try Self.message(head.json)
    Self.chooseOutput(&options.generate)
    let (first, events) = (options, JobFrames(responder, takes: self.takes, method: "Morph"))
    try await events.run {
      try await self.daemon.morph(
        requestProducer: { writer in
          try await writer.write(.with { $0.options = first })
          try await head.pieces { piece in try await writer.write(.with { $0.chunk = piece }) }
        },
        onResponse: { try await events.send($0) })
    }
  }

  func render(_ request: WebRequest, _ responder: WebResponder) async throws {
    let head = try await UploadHead(request.body)
    var options: Riff_V1_RenderOptions = try Self.message(head.json)
    (options.output, options.sampleFormat) = (.wav, .f32)
    let (first, events) = (options, JobFrames(responder, takes: self.takes, method: "Render"))
    try await events.run {
      try await self.daemon.render(
        requestProducer: { writer in
          try await writer.write(.with { $0.options = first })
          try await head.pieces { piece in try await writer.write(.with { $0.chunk = piece }) }
        },
        onResponse: { try await events.send($0) })
    }
  }

  func analyze(_ request: WebRequest, _ responder: WebResponder) async throws {
    let head = try await UploadHead(request.body)
    let options: Riff_V1_AnalyzeOptions = try Self.message(head.json)
    let events = JobFrames(responder, takes: self.takes, method: "Analyze")
    try await events.run {
      let answer = try await self.daemon.analyze(requestProducer: { writer in
        try await writer.write(.with { $0.options = options })
        try await head.pieces { piece in try await writer.write(.with { $0.chunk = piece }) }
      })
      try await events.send(answer)
    }
  }

  // MARK: Jam

  func jam(_ request: WebRequest, _ responder: WebResponder) async throws {
    var options: Riff_V1_JamOptions = try Self.message(
      try await request.wholeBody(limit: Self.messageLimit))
    Self.chooseOutput(&options.generate)
    let (start, events) = (options, JobFrames(responder, takes: self.takes, method: "Jam"))
    let jam = self.jams.open()
    defer { self.jams.close(jam.id) }
    try await events.run {
      try await events.say(#"{"jam":"\#(jam.id)"}"#)
      try await self.daemon.jam(
        requestProducer: { writer in
          try await writer.write(.with { $0.start = start })
          for await part in jam.parts { try await writer.write(part) }
        },
        onResponse: { try await events.send($0) })
    }
  }

  /// A change of a jam that plays, its playhead, or its end.
  func steer(jam id: String, _ request: WebRequest) async throws {
    let part: Riff_V1_JamRequest = try Self.message(
      try await request.wholeBody(limit: Self.messageLimit))
    guard try self.jams.send(part, to: id) else {
      throw Refusal(.notFound, "that jam has ended")
    }
  }

  // MARK: Messages

  private static func message<M: Message>(_ json: [UInt8]) throws -> M {
    do {
      return try M(jsonUTF8Bytes: json)
    } catch {
      throw Refusal(
        .badRequest, "the request is not \(M.protoMessageName) in proto3's JSON: \(error)")
    }
  }

  /// The sound comes as 32-bit floats with a WAV file's head, which tells the channels before `Done` does.
  private static func chooseOutput(_ request: inout Riff_V1_GenerateRequest) {
    if request.output != .none { (request.output, request.sampleFormat) = (.wav, .f32) }
  }
}
