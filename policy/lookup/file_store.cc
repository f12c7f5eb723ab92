#include "policy/lookup/file_store.h"

#include <algorithm>

namespace postern::lookup {

SharedFile* FileStore::load(TypeId type, const std::string& path) {
  if (SharedFile* const found = find(type, path)) return found;
  if (files_.size() >= kFilesMax) return nullptr;
  auto file = std::make_unique<SharedFile>(open_key_file(type, path));
  return files_.emplace(std::pair(type, path), std::move(file)).first->second.get();
}

SharedFile* FileStore::find(TypeId type, std::string_view path) const {
  const auto found = files_.find(std::pair(type, std::string(path)));
  return found == files_.end() ? nullptr : found->second.get();
}

void ShardFile::catch_up() {
  if (shared == nullptr || shared->version() == version) return;
  // In this order: a replacement between the two is seen next time.
  version = shared->version();
  current = shared->current();
}

void ShardFile::take(std::shared_ptr<const OpenedFile> opened) {
  if (shared != nullptr) shared->replace(opened);
  current = std::move(opened);
}

std::shared_ptr<ShardFile> ShardFiles::at(TypeId type, std::string_view path) {
  auto found = files_.find(Less::Key(type, path));
  if (found == files_.end()) {
    SharedFile* const shared = store_.find(type, path);
    if (shared == nullptr) make_room();
    std::string name(path);
    auto file = std::make_shared<ShardFile>(type, name, shared);
    found = files_.emplace(std::pair(type, std::move(name)), std::move(file)).first;
  }
  found->second->used = ++uses_;
  return found->second;
}

void ShardFiles::make_room() {
  if (own_ < own_max_) {
    ++own_;
    return;
  }
  auto oldest = files_.end();
  for (auto i = files_.begin(); i != files_.end(); ++i)
    if (i->second->shared == nullptr && (oldest == files_.end() || i->second->used < oldest->second->used)) oldest = i;
  if (oldest != files_.end()) files_.erase(oldest);
}

}  // namespace postern::lookup
