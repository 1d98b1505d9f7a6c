/// Sound to a WAV file at 48 kHz (Microsoft's "Multiple channel audio data and WAVE files", 2007).
///
/// The head leaves before the sound's length is known, so it gives its lengths as 0xFFFFFFFF, which
/// readers take as "to the end"; ``finalHead`` has the true ones.
public final class WAVEncoder: AudioStreamEncoder {
  public let channels: Int

  private let format: SampleFormat
  private let samples: any AudioStreamEncoder
  private let information: [UInt8]
  /// Samples a channel that came in.
  private var count = 0
  private var isBegun = false
  private var isFinished = false

  /// - Parameters:
  ///   - channels: 1 or 2.
  ///   - format: of the samples.
  ///   - comments: what the file says of itself, in its LIST INFO chunk.
  /// - Throws: `invalidParameter`.
  public init(
    channels: Int, format: SampleFormat, comments: [AudioComment] = []
  ) throws(AudioIOError) {
    self.channels = try checkedChannels(channels, limit: 2)
    self.format = format
    samples =
      switch format {
      case .signed16: try PCMSigned16Encoder(channels: channels)
      case .signed24: try PCMSigned24Encoder(channels: channels)
      case .float32: try PCMFloat32Encoder(channels: channels)
      }
    information = try Self.information(comments)
  }

  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [UInt8] {
    let bytes = try self.samples.append(samples)
    count += samples[0].count
    return takeHead() + bytes
  }

  /// A zero follows an odd number of bytes: chunks begin at even places. Throws nothing.
  public func finish() throws(AudioIOError) -> [UInt8] {
    guard !isFinished else { return [] }
    isFinished = true
    return takeHead() + [UInt8](repeating: 0, count: dataSize % 2)
  }

  /// Empty for a file that is too large to tell its size.
  public var finalHead: [UInt8] {
    let riffSize = head(riffSize: 0, frames: 0, dataSize: 0).count - 8 + dataSize + dataSize % 2
    guard isFinished, let riffSize = UInt32(exactly: riffSize) else { return [] }
    return head(
      riffSize: riffSize, frames: UInt32(clamping: count), dataSize: UInt32(clamping: dataSize))
  }

  private var frameSize: Int { channels * format.size }
  private var dataSize: Int { count * frameSize }

  private func takeHead() -> [UInt8] {
    defer { isBegun = true }
    return isBegun ? [] : head(riffSize: .max, frames: .max, dataSize: .max)
  }

  /// RIFF, `fmt `, `fact`, LIST INFO, and the head of `data`.
  private func head(riffSize: UInt32, frames: UInt32, dataSize: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes += Array("RIFF".utf8)
    bytes.appendLittleEndian(riffSize)
    bytes += Array("WAVE".utf8)
    bytes.appendChunk("fmt ", description)
    bytes += Array("fact".utf8)
    bytes.appendLittleEndian(4 as UInt32)
    bytes.appendLittleEndian(frames)
    bytes += information
    bytes += Array("data".utf8)
    bytes.appendLittleEndian(dataSize)
    return bytes
  }

  /// What `fmt ` holds, 40 bytes: WAVE_FORMAT_EXTENSIBLE, which says what the channels are and is the
  /// right form for integers of more than 16 bits.
  private var description: [UInt8] {
    let bits = UInt16(8 * format.size)
    // The centre, or left and right.
    let speakers: UInt32 = channels == 1 ? 0x4 : 0x3
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(0xFFFE as UInt16)
    bytes.appendLittleEndian(UInt16(channels))
    bytes.appendLittleEndian(UInt32(OutputFormat.sampleRate))
    bytes.appendLittleEndian(UInt32(OutputFormat.sampleRate * frameSize))
    bytes.appendLittleEndian(UInt16(frameSize))
    bytes.appendLittleEndian(bits)
    bytes.appendLittleEndian(22 as UInt16)
    bytes.appendLittleEndian(bits)
    bytes.appendLittleEndian(speakers)
    // WAVE_FORMAT_IEEE_FLOAT or WAVE_FORMAT_PCM, and what makes a GUID of it.
    bytes.appendLittleEndian((format == .float32 ? 3 : 1) as UInt16)
    return bytes + [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
  }

  /// A LIST INFO chunk: title and software in its own fields, the others as lines of its comment,
  /// `KEY=value`, where a backslash stands before a backslash and an "n" for a line break. Empty
  /// without comments.
  private static func information(_ comments: [AudioComment]) throws(AudioIOError) -> [UInt8] {
    try comments.check()
    guard !comments.isEmpty else { return [] }
    var bytes = Array("INFO".utf8)
    var lines: [String] = []
    for comment in comments {
      switch comment.key {
      case "TITLE": bytes.appendChunk("INAM", Array(comment.value.utf8) + [0])
      case "ENCODER": bytes.appendChunk("ISFT", Array(comment.value.utf8) + [0])
      default: lines.append("\(comment.key)=\(comment.escapedValue)")
      }
    }
    if !lines.isEmpty {
      bytes.appendChunk("ICMT", Array(lines.joined(separator: "\n").utf8) + [0])
    }
    var list: [UInt8] = []
    list.appendChunk("LIST", bytes)
    return list
  }
}

extension AudioComment {
  /// On one line: `\\` for a backslash, `\n` for a line break.
  fileprivate var escapedValue: String {
    var text = ""
    for scalar in self.value.unicodeScalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}

extension [UInt8] {
  /// A RIFF chunk, padded to an even length.
  fileprivate mutating func appendChunk(_ kind: String, _ content: [UInt8]) {
    self += Array(kind.utf8)
    appendLittleEndian(UInt32(clamping: content.count))
    self += content
    if content.count % 2 == 1 { append(0) }
  }
}
