/// A state dict as `torch.save` writes it since PyTorch 1.6: a zip archive whose `data.pkl` is a
/// pickle that describes the tensors, and whose `data/N` are their storages, as they are in memory.
///
/// Nothing is copied: tensors are ranges of the mapped file. See ``PickleMachine`` for what a pickle
/// may do (describe tensors) and ``ZipArchive`` for what is checked of the archive.
/// https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
package struct TorchFile: TensorFile {
  package let tensors: [StoredTensor]
  /// Members of a training state's dict that are no usable tensors, and why.
  let unusable: [String: String]
  /// Optimiser steps, as a training state has them.
  let globalStep: Int?

  package init(path: String) throws(DiffusionError) {
    try self.init(CheckpointFile(path: path), isTrainingState: false)
  }

  /// `isTrainingState`: whether the dict of tensors is `state_dict` beside whatever else Lightning
  /// saved, which is skipped.
  package init(path: String, isTrainingState: Bool) throws(DiffusionError) {
    try self.init(CheckpointFile(path: path), isTrainingState: isTrainingState)
  }

  init(_ file: CheckpointFile, isTrainingState: Bool) throws(DiffusionError) {
    let path = file.path
    guard try file.bytes(0..<min(4, file.size)) != [0x80, 0x02, 0x8A, 0x0A] else {
      throw .checkpoint(
        path,
        "is in the format of PyTorch before 1.6; load it with torch.load and write it anew with "
          + "torch.save or safetensors")
    }
    let archive = try ZipArchive(file)
    let suffix = "/data.pkl"
    let pickles = archive.entries.keys.filter { name in
      name.hasSuffix(suffix) && !name.dropLast(suffix.count).contains("/")
    }
    guard pickles.count == 1, let pickle = pickles.first,
      let bytes = try archive.bytes(
        pickle,
        limit: isTrainingState
          ? PickleMachine.largestTrainingState : PickleMachine.largestPickle)
    else {
      throw .checkpoint(path, "is not a file of torch.save: it has \(pickles.count) data.pkl")
    }
    let root = pickle.dropLast(suffix.count)
    if let order = try archive.bytes("\(root)/byteorder", limit: 64) {
      guard order == Array("little".utf8) else {
        throw .checkpoint(path, "was written on a machine that is not little-endian")
      }
    }
    var tensors: [StoredTensor] = []
    var state = PickleMachine.TrainingState()
    if isTrainingState {
      state = try PickleMachine.trainingState(bytes, file: path)
    } else {
      state.tensors = try PickleMachine.stateDictionary(bytes, file: path)
    }
    unusable = state.unusable
    globalStep = state.globalStep
    for (name, tensor) in state.tensors {
      let data = archive.entries["\(root)/data/\(tensor.storage.key)"]
      tensors.append(try Self.stored(tensor, name: name, data: data, in: file))
    }
    self.tensors = tensors
  }

  private static func stored(
    _ tensor: TorchTensor, name: String, data: Range<Int>?, in file: CheckpointFile
  ) throws(DiffusionError) -> StoredTensor {
    let storage = tensor.storage
    guard let data else {
      throw .checkpoint(
        file.path, tensor: name, "its storage \(storage.key.debugDescription) is not in the file")
    }
    let size = storage.elementType.byteCount
    let (bytes, overflow) = storage.count.multipliedReportingOverflow(by: size)
    guard !overflow, bytes == data.count else {
      throw .checkpoint(
        file.path, tensor: name,
        "its storage has \(data.count) bytes, not \(storage.count) numbers of \(size) bytes")
    }
    // The elements lie inside the storage, whose bytes are an Int.
    let start = data.lowerBound + tensor.elements.lowerBound * size
    return StoredTensor(
      file: file, name: name, elementType: storage.elementType, shape: tensor.shape,
      range: start..<start + tensor.elements.count * size)
  }
}
