/*
 * A /etc of the sandbox's own, in its mount namespace alone: the host's, but
 * for three files, and one that the host process may add. Nothing of it ever
 * exists on the host's file system, so that no end of ours, however sudden, can
 * leave anything there.
 *
 *   /etc              tmpfs, seen read-only
 *   /etc/.kns-host    the host's /etc
 *   /etc/NAME         a link of the host's: the same link
 *                     a directory: a bind mount of it, so that relative links
 *                     that lead out of it stay right
 *                     any other file: a link into .kns-host, which stays right
 *                     when the host renames a new file into its place (a file
 *                     bound one by one falls off then)
 *   /etc/hosts …      files of the tmpfs
 *
 * The tmpfs is mounted twice, one over the other: below writable, above
 * read-only. The host process keeps an fd of the directory below, and replaces
 * a file by a rename there: the command sees the old or the new text, never a
 * part, and has no way to the mount below.
 */
#define _GNU_SOURCE
#include "../netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define ETC "/etc"
#define HOST_NAME ".kns-host"

enum { MAX_LINK = 4096 }; /* PATH_MAX: no link's text is longer */

static const char *const own_files[] = {"hosts", "resolv.conf", "nsswitch.conf"};

static bool is_own(const char *name)
{
    for (size_t i = 0; i < sizeof own_files / sizeof own_files[0]; i++) {
        if (strcmp(name, own_files[i]) == 0)
            return true;
    }
    return false;
}

static bool is_listed(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, HOST_NAME) != 0 &&
           !is_own(name);
}

/* The type of an entry; file systems need not tell it in the listing (readdir(3)). */
static mode_t type_of(int directory, const struct dirent *entry)
{
    struct stat stat;
    if (entry->d_type == DT_DIR)
        return S_IFDIR;
    if (entry->d_type == DT_LNK)
        return S_IFLNK;
    if (entry->d_type != DT_UNKNOWN)
        return S_IFREG;
    return fstatat(directory, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : stat.st_mode & S_IFMT;
}

static int copy_link(int from, int to, const char *name)
{
    char target[MAX_LINK];
    ssize_t length = readlinkat(from, name, target, sizeof target - 1);
    if (length < 0)
        return -1;
    target[length] = '\0';
    return symlinkat(target, to, name);
}

static int link_into_host(int to, const char *name)
{
    char target[sizeof HOST_NAME + 1 + NAME_MAX];
    snprintf(target, sizeof target, HOST_NAME "/%s", name);
    return symlinkat(target, to, name);
}

static int mirror_entry(int from, int to, const struct dirent *entry)
{
    switch (type_of(from, entry)) {
    case S_IFDIR: return mkdirat(to, entry->d_name, 0755);
    case S_IFLNK: return copy_link(from, to, entry->d_name);
    case 0: return 0; /* gone since it was listed */
    default: return link_into_host(to, entry->d_name);
    }
}

static DIR *list(int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL && fd >= 0)
        close(fd);
    return stream;
}

static int mirror(int from, int to, struct failure *failure)
{
    struct dirent *entry;
    int result = 0;
    DIR *entries = list(from);
    if (entries == NULL)
        return fail(failure, "list /etc");
    while (result == 0 && (entry = readdir(entries)) != NULL) {
        if (is_listed(entry->d_name) && mirror_entry(from, to, entry) < 0 && errno != ENOENT)
            result = fail(failure, "mirror /etc");
    }
    closedir(entries);
    return result;
}

/*
 * An entry whose mount is refused stays an empty directory: one odd entry of
 * the host is no reason to run nothing.
 */
static int bind_directories(int from, struct failure *failure)
{
    char source[sizeof ETC "/" HOST_NAME "/" + NAME_MAX], target[sizeof ETC "/" + NAME_MAX];
    struct dirent *entry;
    DIR *entries = list(from);
    if (entries == NULL)
        return fail(failure, "list /etc");
    while ((entry = readdir(entries)) != NULL) {
        if (!is_listed(entry->d_name) || type_of(from, entry) != S_IFDIR)
            continue;
        snprintf(source, sizeof source, ETC "/" HOST_NAME "/%s", entry->d_name);
        snprintf(target, sizeof target, ETC "/%s", entry->d_name);
        mount(source, target, NULL, MS_BIND | MS_REC, NULL);
    }
    closedir(entries);
    return 0;
}

static int create_own_files(int directory, struct failure *failure)
{
    for (size_t i = 0; i < sizeof own_files / sizeof own_files[0]; i++) {
        int fd = openat(directory, own_files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0)
            return fail(failure, "create in /etc");
        close(fd);
    }
    return 0;
}

/* The same tmpfs once more, on top and read-only. Submounts come after, so there is nothing else to copy. */
static int cover_read_only(struct failure *failure)
{
    int tree = clone_tree(ETC, false);
    if (tree < 0)
        return fail(failure, "open_tree /etc");
    int result = 0;
    if (attach_tree(tree, ETC) < 0)
        result = fail(failure, "move_mount /etc");
    else if (mount(NULL, ETC, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
        result = fail(failure, "remount /etc");
    close(tree);
    return result;
}

static int build(int host, int below, struct failure *failure)
{
    if (mkdirat(below, HOST_NAME, 0755) < 0)
        return fail(failure, "mkdir /etc/" HOST_NAME);
    if (mirror(host, below, failure) < 0 || create_own_files(below, failure) < 0 ||
        cover_read_only(failure) < 0)
        return -1;
    if (attach_tree(host, ETC "/" HOST_NAME) < 0)
        return fail(failure, "move_mount /etc/" HOST_NAME);
    return bind_directories(host, failure);
}

int mount_etc(struct failure *failure)
{
    int host = clone_tree(ETC, true);
    if (host < 0)
        return fail(failure, "open_tree /etc");
    int below = -1, result = -1;
    if (mount("kns-etc", ETC, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m") < 0)
        fail(failure, "mount /etc");
    else if ((below = open(ETC, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        fail(failure, "open /etc");
    else
        result = build(host, below, failure);
    close(host);
    if (result < 0 && below >= 0)
        close(below);
    return result < 0 ? -1 : below;
}
