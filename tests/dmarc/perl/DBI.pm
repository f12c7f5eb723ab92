# In place of DBI and a MySQL server: tables that give each new row a number, and a log of what was executed, as JSON, in the file
# that $POSTERN_DBI_LOG names. Knows the statements of opendmarc-import and dies of any other.
package DBI;
use strict;
use warnings;
use JSON;

our $errstr = '';
my (%rows, $last, $log);

sub connect {
    my ($class, $dsn) = @_;
    open($log, '>', $ENV{POSTERN_DBI_LOG}) or die "POSTERN_DBI_LOG: $!";
    return bless {}, $class;
}
sub disconnect { close($log); }
sub errstr { return ''; }

sub prepare {
    my ($self, $sql) = @_;
    $sql =~ s/\s+/ /g;
    $sql =~ s/^ | $//g;
    return bless { sql => $sql, found => [] }, 'DBI::st';
}

sub run {
    my ($statement, @values) = @_;
    my $sql = $statement->{sql};
    my @found;
    if ($sql eq 'SELECT LAST_INSERT_ID()') {
        @found = ($last);
    } elsif ($sql =~ /^SELECT id FROM (\w+) WHERE/) {
        my $row = $rows{ join("\0", $1, @values) };
        @found = ($row) if defined $row;
    } elsif ($sql eq 'SELECT locked FROM requests WHERE id = ?') {
        @found = (0);
    } elsif ($sql =~ /^INSERT INTO (\w+) ?\(/) {
        my $table = $1;
        my $places = () = $sql =~ /\?/g;
        die "$sql wants $places values and has " . @values if $places != @values;
        $last = $rows{ join("\0", $table, @values) } = 1 + keys %rows;
        print $log JSON->new->canonical->encode([$table, map { defined $_ ? "$_" : undef } @values]), "\n";
    } elsif ($sql =~ /^UPDATE requests SET/) {
        print $log JSON->new->canonical->encode(['requests', map { defined $_ ? "$_" : undef } @values]), "\n";
    } else {
        die "unknown statement: $sql";
    }
    $statement->{found} = \@found;
    return 1;
}

package DBI::st;

sub execute { return DBI::run(@_); }
sub finish { return 1; }
sub fetchrow_arrayref {
    my ($self) = @_;
    return undef unless @{ $self->{found} };
    return [shift @{ $self->{found} }];
}

1;
