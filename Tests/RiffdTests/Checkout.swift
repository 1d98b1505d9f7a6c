import Foundation
import Testing

/// Places in the checkout and in the build.
enum Checkout {
  static let root: String = {
    // Tests/RiffdTests/Checkout.swift
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
      .joined(separator: "/")
  }()

  static let bundledModel = root + "/Models/riff-mini"
  static let pythonClient = root + "/Clients/python/riff.py"

  /// A program of this build: it stands beside the program that runs the tests.
  static func program(_ name: String) throws -> String {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let path = (tests as NSString).deletingLastPathComponent + "/" + name
    try #require(FileManager.default.isExecutableFile(atPath: path), "\(path) is not built")
    return path
  }
}
