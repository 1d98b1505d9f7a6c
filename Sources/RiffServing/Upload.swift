import GRPCCore
import Riff
import RiffProtocol

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A request message of an upload: options first, then chunks.
protocol UploadPart: Sendable {
  associatedtype Options: Sendable
  var piece: UploadPiece<Options>? { get }
}

enum UploadPiece<Options: Sendable>: Sendable {
  case options(Options)
  case chunk(Data)
}

enum Upload {
  /// Takes an upload in.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument` when the order is not that of `riff.proto`,
  ///   or as soon as there are more than `limit` bytes.
  static func collect<Part: UploadPart>(
    _ parts: RPCAsyncSequence<Part, any Error>, limit: Int
  ) async throws -> (Part.Options, [UInt8]) {
    var options: Part.Options?
    var bytes: [UInt8] = []
    for try await part in parts {
      switch part.piece {
      case .options(let value):
        guard options == nil else {
          throw JobError(
            .invalidArgument(field: "options"), "given twice; only the first message has them")
        }
        options = value
      case .chunk(let data):
        guard options != nil else {
          throw JobError(
            .invalidArgument(field: "options"), "missing; the first message must have them")
        }
        guard data.count <= limit - bytes.count else {
          throw JobError(
            .invalidArgument(field: "chunk"), "the upload is larger than \(limit) bytes")
        }
        bytes.append(contentsOf: data)
      case nil:
        // A part of a later version of the protocol.
        continue
      }
    }
    guard let options else {
      throw JobError(
        .invalidArgument(field: "options"), "missing; the first message must have them")
    }
    guard !bytes.isEmpty else {
      throw JobError(.invalidArgument(field: "chunk"), "the upload is empty")
    }
    return (options, bytes)
  }
}

extension Riff_V1_RemixRequest: UploadPart {
  var piece: UploadPiece<Riff_V1_RemixOptions>? {
    switch self.part {
    case .options(let options): .options(options)
    case .chunk(let data): .chunk(data)
    case nil: nil
    }
  }
}

extension Riff_V1_RenderRequest: UploadPart {
  var piece: UploadPiece<Riff_V1_RenderOptions>? {
    switch self.part {
    case .options(let options): .options(options)
    case .chunk(let data): .chunk(data)
    case nil: nil
    }
  }
}

extension Riff_V1_AnalyzeRequest: UploadPart {
  var piece: UploadPiece<Riff_V1_AnalyzeOptions>? {
    switch self.part {
    case .options(let options): .options(options)
    case .chunk(let data): .chunk(data)
    case nil: nil
    }
  }
}
