/// What a WAV file's `fmt ` chunk says.
struct WAVFormatChunk {
  /// The codec's number in mmreg.h, the one of the extension where there is one.
  let code: Int
  /// In hertz.
  let sampleRate: Int
  let bytesPerSecond: Int

  /// Fields that are not there are 0.
  init(_ bytes: [UInt8], isBigEndian: Bool) {
    func number(_ place: Int, _ count: Int) -> Int {
      guard place + count <= bytes.count else { return 0 }
      let digits = bytes[place..<place + count]
      return (isBigEndian ? Array(digits) : digits.reversed()).reduce(0) { $0 << 8 | Int($1) }
    }
    code = number(0, 2) == 0xFFFE ? number(24, 2) : number(0, 2)
    sampleRate = number(4, 4)
    let channels = number(2, 2)
    let claimed = number(8, 4)
    let plain = sampleRate * channels * (number(14, 2) / 8)
    bytesPerSecond = [1, 3].contains(code) && plain > 0 ? plain : claimed
  }

  /// The codec's name; nil where it is plain samples.
  var codec: String? {
    switch code {
    case 0x02: "Microsoft ADPCM"
    case 0x11: "IMA ADPCM"
    case 0x22: "TrueSpeech"
    case 0x31: "GSM 6.10"
    case 0x42: "G.723.1"
    case 0x45, 0x64: "G.726"
    case 0x61, 0x62: "Duck or ITU ADPCM"
    case 0x92, 0x2000: "AC-3"
    case 0xFF, 0x1600, 0x1610, 0x706D: "AAC"
    case 0x160...0x163: "Windows Media audio"
    case 0x270: "ATRAC3"
    case 0x2001: "DTS"
    case 0x674F...0x6771: "Vorbis"
    case 0x704F: "Opus"
    case 0xA109: "Speex"
    case 0xF1AC: "FLAC"
    case 0, 1, 3, 6, 7: nil
    default: "a codec with the number 0x\(String(code, radix: 16))"
    }
  }
}
